"""How MLflow is started: where it stores files, whom it answers, and what it is told."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from stack.registry_server.launch import Passwords, command, environment

PASSWORDS = Passwords(admin="a-secret", steps="b-secret", server="c-secret", secret_key="d-secret")


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_files_are_stored_where_the_server_is_told_and_served_by_it() -> None:
    arguments = command("127.0.0.1", 5001, Path("/data/a folder"))
    assert option(arguments, "--artifacts-destination") == "file:///data/a%20folder"
    assert option(arguments, "--port") == "5001"
    assert option(arguments, "--host") == "127.0.0.1"
    assert "--serve-artifacts" in arguments


def test_the_server_asks_sixgates_access_rules_and_is_one_process() -> None:
    arguments = command("127.0.0.1", 5001, Path("/data"))
    assert option(arguments, "--app-name") == "sixgate"
    assert option(arguments, "--workers") == "1"  # accounts are created once


def test_no_password_is_on_the_command_line_which_every_user_can_read() -> None:
    text = " ".join(command("127.0.0.1", 5001, Path("/data")))
    for field in fields(PASSWORDS):
        assert getattr(PASSWORDS, field.name) not in text


def test_each_password_is_in_one_variable() -> None:
    variables = environment("postgresql://x", PASSWORDS, port=5001)
    for field in fields(PASSWORDS):
        password = getattr(PASSWORDS, field.name)
        assert list(variables.values()).count(password) == 1


@pytest.mark.parametrize("host", ["127.0.0.1:5001", "localhost:5001", "[::1]:5001"])
def test_the_server_answers_under_the_names_of_this_machine(host: str) -> None:
    variables = environment("postgresql://x", PASSWORDS, port=5001)
    assert host in variables["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")


def test_other_names_are_refused_and_nothing_is_reported_home() -> None:
    variables = environment("postgresql://x", PASSWORDS, port=5001)
    assert "*" not in variables["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert variables["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert variables["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
