"""The environment of each process: its own secrets, and none of another."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import asdict, replace

import pytest

from pipelines.errors import StackError
from pipelines.settings import Settings
from stack.processes.child import MARK
from stack.processes.environments import Environments
from stack.processes.programs import Program, programs


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


SECRETS_OF = {
    "server": {"api_key", "postgres_server", "mlflow_server"},
    "mlflow": {"postgres_mlflow", "mlflow_admin", "mlflow_steps", "mlflow_server", "mlflow_secret"},
    "airflow-scheduler": {
        "postgres_steps",
        "postgres_airflow",
        "mlflow_steps",
        "airflow_fernet",
        "airflow_jwt",
        "airflow_secret",
    },
    "airflow-dag-processor": {"postgres_airflow", "airflow_fernet"},
    "airflow-triggerer": {"postgres_airflow", "airflow_fernet"},
    "airflow-api-server": {
        "postgres_pages",
        "postgres_airflow",
        "airflow_fernet",
        "airflow_jwt",
        "airflow_secret",
    },
    "postgres": set(),
}
PUBLIC = {"instance", "airflow_path"}


def test_each_process_gets_the_secrets_that_it_needs_and_no_other(
    environments: Environments,
) -> None:
    secrets = asdict(environments.secrets)
    for name, program in by_name(environments).items():
        text = json.dumps(program.environment)
        given = {secret for secret, value in secrets.items() if value in text} - PUBLIC
        assert given == SECRETS_OF[name], name


def test_only_the_migration_signs_in_as_the_owner_of_the_schema(
    environments: Environments,
) -> None:
    owner = environments.postgres.url(environments.secrets.postgres)
    assert environments.migration()["SIXGATE_DATABASE_URL"] == owner
    for program in programs(environments):
        assert owner not in program.environment.values(), program.name


def test_every_process_can_be_found_as_a_stray(environments: Environments) -> None:
    for program in programs(environments):
        assert program.environment[MARK] == environments.secrets.instance


def test_options_that_sixgate_sets_replace_the_callers_and_others_are_kept(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TASK_RETRIES", "7")
    scheduler = environments.airflow_scheduler()
    assert scheduler["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert scheduler["AIRFLOW__CORE__DEFAULT_TASK_RETRIES"] == "7"


def test_airflows_pages_are_below_a_random_path_and_tasks_find_them_there(
    environments: Environments,
) -> None:
    variables = environments.airflow_api_server()
    pages = f"http://127.0.0.1:{environments.settings.airflow_port}/"
    assert variables["AIRFLOW__API__BASE_URL"] == pages + environments.secrets.airflow_path
    execution = variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert execution == variables["AIRFLOW__API__BASE_URL"] + "/execution/"


def test_people_get_a_password_for_each_account(environments: Environments) -> None:
    environments.write_credentials()
    passwords = json.loads((environments.home.airflow / "passwords.json").read_text())
    assert set(passwords) == {"admin", "reviewer", "viewer"}
    assert len(set(passwords.values())) == 3
    mlflow = json.loads(environments.home.mlflow_passwords.read_text())
    assert mlflow == {"admin": environments.secrets.mlflow_admin}
