"""The user, the environment and the rights of each process of the stack."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import StackError
from pipelines.settings import ROOT, Settings
from stack.home import home_of
from stack.processes import programs as module
from stack.processes.environments import Environments
from stack.processes.postgres import Postgres
from stack.processes.programs import Program, programs


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environments:
    """The environments of a home, started by a caller with other secrets and settings."""
    monkeypatch.setenv("SIXGATE_API_KEY", "the caller's key")
    monkeypatch.setenv("SIXGATE_DATABASE_URL", "postgresql://the caller's")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "the caller's password")
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", "smtp://user:mail-password@127.0.0.1")
    monkeypatch.setenv("SIXGATE_RATE_LIMIT", "10/second")
    monkeypatch.setenv("GITHUB_TOKEN", "somebody else's")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("SIXGATE_USE_CASES", "fraud")
    settings = Settings(
        home=tmp_path / "home", policy_overlay=tmp_path / "an overlay $(touch x) `y`.yaml"
    )
    home = home_of(settings)
    home.prepare()
    postgres = Postgres(binaries=tmp_path, data=tmp_path / "instance" / "postgres", port=5433)
    return Environments(home, home.secrets(), postgres, settings)


def by_name(environments: Environments) -> dict[str, Program]:
    return {program.name: program for program in programs(environments)}


def test_the_callers_secrets_reach_no_process_and_the_callers_settings_do(
    environments: Environments,
) -> None:
    for program in programs(environments):
        assert not [value for value in program.environment.values() if "the caller's" in value]
    assert by_name(environments)["server"].environment["SIXGATE_RATE_LIMIT"] == "10/second"
    assert "SIXGATE_RATE_LIMIT" not in by_name(environments)["mlflow"].environment


def test_what_else_the_caller_has_reaches_airflow_alone(environments: Environments) -> None:
    knowing = {
        program.name for program in programs(environments) if "GITHUB_TOKEN" in program.environment
    }
    assert knowing == {name for name in by_name(environments) if name.startswith("airflow-")}
    assert all(program.environment["LC_ALL"] == "C.UTF-8" for program in programs(environments))


def test_connections_reach_tasks_alone(environments: Environments) -> None:
    knowing = [
        program.name
        for program in programs(environments)
        if "AIRFLOW_CONN_MAIL" in program.environment
    ]
    assert knowing == ["airflow-scheduler"]


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


def test_what_people_source_is_for_them_alone_and_safe_to_source(
    environments: Environments,
) -> None:
    environments.write_credentials()
    for file in (
        environments.home.env_file,
        environments.home.mlflow_passwords,
        environments.home.airflow / "passwords.json",
    ):
        assert file.stat().st_mode & 0o077 == 0
    shell = f'. {shlex.quote(str(environments.home.env_file))}; printf %s "$SIXGATE_POLICY_OVERLAY"'
    process = subprocess.run(
        ["sh", "-ec", shell],
        capture_output=True,
        text=True,
        cwd=environments.home.path,
        check=True,
    )
    assert process.stdout == str(environments.settings.policy_overlay)
    assert not (environments.home.path / "x").exists()
    settings = Settings(_env_file=environments.home.env_file, home=environments.home.path)
    assert settings.policy_overlay == environments.settings.policy_overlay


def test_an_overlay_that_no_shell_could_be_told_is_named(environments: Environments) -> None:
    settings = environments.settings.model_copy(
        update={"policy_overlay": environments.home.path / "it's.yaml"}
    )
    with pytest.raises(StackError, match=r"it's\.yaml.* can't be written to sixgate"):
        replace(environments, settings=settings).write_credentials()
