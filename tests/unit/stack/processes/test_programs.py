"""The user, the environment and the rights of each process of the stack."""

from __future__ import annotations

import os

import pytest

from pipelines.settings import ROOT
from stack.processes import programs as module
from stack.processes.environments import Environments
from stack.processes.programs import Program, programs


def by_name(environments: Environments) -> dict[str, Program]:
    return {program.name: program for program in programs(environments)}


def test_no_process_may_write_dags_plugins_or_program_files(environments: Environments) -> None:
    names = ("dags", "plugins", "pipelines", "serving", "stack", "sql", "reference", ".venv")
    protected = [ROOT / name for name in names]
    for program in programs(environments):
        for folder in program.confinement.writes:
            writable = [path for path in protected if path == folder or folder in path.parents]
            assert not writable, program.name


def test_no_process_may_write_the_secrets_or_what_others_are_told(
    environments: Environments,
) -> None:
    home = environments.home
    for program in programs(environments):
        for folder in program.confinement.writes:
            assert folder not in (home.path, home.run), program.name


def test_mlflow_reads_its_folder_and_program_files_and_no_home(environments: Environments) -> None:
    mlflow = by_name(environments)["mlflow"].confinement
    assert mlflow.reads is not None
    for folder in (*mlflow.reads, *mlflow.writes):
        assert environments.home.path != folder
        assert folder not in environments.home.path.parents
    assert mlflow.ports == ((environments.settings.mlflow_port,), (5433,))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give MLflow a user of its own")
@pytest.mark.parametrize(
    ("landlock", "reachable", "own_user", "reads_through"),
    [
        pytest.param(7, True, True, False, id="a user of its own"),
        pytest.param(7, False, True, True, id="which passes folders that only root may enter"),
        pytest.param(0, True, True, False, id="without Landlock too"),
        pytest.param(0, False, False, False, id="but not both: nothing would limit what it reads"),
    ],
)
def test_root_gives_mlflow_a_user_of_its_own_where_that_is_safe(
    environments: Environments,
    monkeypatch: pytest.MonkeyPatch,
    landlock: int,
    reachable: bool,
    own_user: bool,
    reads_through: bool,
) -> None:
    monkeypatch.setattr(module, "version", lambda: landlock)
    monkeypatch.setattr(module, "open_to_all", lambda _: reachable)
    mlflow = by_name(environments)["mlflow"]
    assert (mlflow.user is not None, mlflow.reads_through) == (own_user, reads_through)
    assert (environments.home.path / "mlflow" in mlflow.confinement.writes) != own_user
