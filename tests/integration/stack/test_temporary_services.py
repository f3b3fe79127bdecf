"""Temporary services: they are real, nobody else uses them, and nothing of them stays."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from stack import temporary_services
from stack.temporary_services import draw_passwords, free_port, migrate, sign_in


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_every_draw_gives_other_passwords() -> None:
    passwords = [*asdict(draw_passwords()).values(), *asdict(draw_passwords()).values()]
    assert len(set(passwords)) == len(passwords)


def test_a_database_is_gone_after_its_block_even_if_that_fails(tmp_path: Path) -> None:
    servers = []

    def fail() -> None:
        with temporary_services.database(tmp_path, options=("-c", "fsync=off")) as (
            server,
            password,
        ):
            servers.append(server)
            with psycopg.connect(server.url(password, "postgres")) as connection:
                assert connection.execute("SHOW fsync").fetchone() == ("off",)
            raise RuntimeError("in the block")

    with pytest.raises(RuntimeError, match="in the block"):
        fail()
    (server,) = servers
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        psycopg.connect(server.url("password", "postgres"))
    assert not server.data.exists()


def test_migrating_again_changes_nothing(database_url: str, tmp_path: Path) -> None:
    count = "SELECT count(*) FROM pg_class"
    with psycopg.connect(database_url, autocommit=True) as connection:
        before = connection.execute(count).fetchone()
        migrate(database_url, tmp_path)
        assert connection.execute(count).fetchone() == before
    assert (tmp_path / "policies/fraud/policy.yaml").exists()  # as `sixgate up` prepares a home


def test_mlflow_answers_its_accounts_and_no_stranger(mlflow) -> None:
    url = f"{mlflow.uri}/api/2.0/mlflow/registered-models/search"
    names = sign_in(mlflow.passwords)
    account = (names["MLFLOW_TRACKING_USERNAME"], names["MLFLOW_TRACKING_PASSWORD"])
    assert httpx.get(url, auth=account).status_code == 200
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=(account[0], "wrong")).status_code == 401
    assert psutil.pid_exists(mlflow.pid)
    assert os.getpgid(mlflow.pid) == mlflow.pid  # its workers end with it
