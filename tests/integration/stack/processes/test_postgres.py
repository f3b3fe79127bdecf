"""The embedded PostgreSQL: initialised once, on loopback only; `test_roles` has its databases."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipelines.errors import StackError
from stack.processes import postgres as module
from stack.processes.postgres import Postgres
from stack.temporary_services import free_port


@pytest.fixture
def server(postgres: tuple[Postgres, str]) -> Postgres:
    return postgres[0]


def test_a_cluster_is_initialised_once(server: Postgres) -> None:
    created = (server.data / "PG_VERSION").stat().st_mtime_ns
    assert server.initialise("another password") is False
    assert (server.data / "PG_VERSION").stat().st_mtime_ns == created


def test_an_initialisation_that_was_cut_off_is_begun_anew(tmp_path: Path, server: Postgres) -> None:
    data = server.data.parent / "cut off" / "postgres"
    unfinished = data.with_name("postgres.making")
    unfinished.mkdir(parents=True)
    (unfinished / "half a file").write_text("")
    cut_off = dataclasses.replace(server, data=data)
    try:
        assert cut_off.initialise("password") is True
        assert (data / "PG_VERSION").exists()
        assert not unfinished.exists()
        assert not (data / "half a file").exists()
        hba = (data / "pg_hba.conf").read_text()
        rules = [line.split()[-1] for line in hba.splitlines() if line and line[0] != "#"]
        assert set(rules) == {"scram-sha-256"}
    finally:
        module.shutil.rmtree(data.parent)


def test_initdb_that_fails_is_named_with_its_reason(server: Postgres) -> None:
    data = server.data.parent / "wrong" / "postgres"
    broken = dataclasses.replace(server, data=data, binaries=Path("/bin"))
    object.__setattr__(broken, "_run", lambda *_: Postgres._run(server, "initdb", "--nonsense"))
    try:
        with pytest.raises(StackError, match=r"initdb failed for .*: "):
            broken.initialise("password")
        assert not data.exists()
    finally:
        module.shutil.rmtree(data.parent)


def test_another_password_is_named_with_what_to_do(server: Postgres) -> None:
    with pytest.raises(StackError, match=r"another password than that in secrets\.json: restore"):
        server.wait("another")


def test_a_server_that_does_not_answer_is_named_with_its_port(server: Postgres) -> None:
    away = dataclasses.replace(server, port=free_port())
    with pytest.raises(StackError, match=f"PostgreSQL did not answer on port {away.port} in 0 s"):
        away.wait("password", seconds=0)


def test_the_command_listens_on_loopback_and_has_no_unix_socket(server: Postgres) -> None:
    command = server.command()
    assert "listen_addresses=127.0.0.1" in command
    assert "unix_socket_directories=" in command
    assert f"port={server.port}" in command


def test_without_the_package_the_embedded_server_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StackError, match="the embedded PostgreSQL is not installed: pip install"):
        Postgres.embedded(tmp_path, instance="x", port=1)


def test_root_without_an_unprivileged_user_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: object) -> None:
        raise KeyError

    monkeypatch.setattr(module.pwd, "getpwnam", nobody)
    monkeypatch.setattr(module.pwd, "getpwuid", nobody)
    with pytest.raises(StackError, match=r"root can't run PostgreSQL: .*set SIXGATE_PG_USER"):
        module._unprivileged()
