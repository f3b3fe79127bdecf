"""A command of Sixgate runs as a process; its exit code decides how its task ends."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from sixgate_airflow.command import CommandOperator


def run(*arguments: str) -> str:
    return CommandOperator(task_id="task", arguments=list(arguments)).execute({})


def test_the_last_line_of_a_command_is_the_result(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIXGATE_DATABASE_URL", database_url)
    assert "metrics of repeated drift checks deleted" in run("housekeeping", "retention")


def test_a_command_that_is_refused_fails_without_a_retry() -> None:
    with pytest.raises(AirflowFailException):
        run("no-such-command")


def test_a_command_that_fails_is_named_and_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXGATE_DATABASE_URL", "postgresql://x:x@127.0.0.1:1/nothing")
    with pytest.raises(AirflowException, match="sixgate housekeeping retention failed") as failed:
        run("housekeeping", "retention")
    assert type(failed.value) is AirflowException


def test_a_command_gets_no_secret_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its database is that of the settings, and not of the connection that tasks have."""
    monkeypatch.setenv("AIRFLOW_CONN_SIXGATE", "postgresql://airflow's")
    monkeypatch.setenv("SIXGATE_DATABASE_URL", "no URL")
    with pytest.raises(AirflowException, match="SIXGATE_DATABASE_URL is not a PostgreSQL URL"):
        run("housekeeping", "retention")
