"""A real PostgreSQL of the tests' own, with the schema in it."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.settings import ROOT
from stack.postgres import Postgres


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a migrated database that nobody else uses; server and data are gone afterwards."""
    home, password = tmp_path_factory.mktemp("postgres"), secrets.token_urlsafe(16)
    postgres = Postgres.embedded(home, instance=f"test-{secrets.token_hex(8)}", port=free_port())
    try:
        postgres.initialise(password)
        with (home / "postgres.log").open("wb") as log:
            server = subprocess.Popen(
                [*postgres.command(), "-c", "fsync=off"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                **postgres.process_options(),
            )
        try:
            yield _migrated(postgres, password, home)
        finally:
            _end(server)
    finally:
        postgres.delete()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _migrated(postgres: Postgres, password: str, home: Path) -> str:
    postgres.wait(password)
    postgres.create_databases(password)
    url = postgres.url(password)
    environment = {**os.environ, "SIXGATE_DATABASE_URL": url, "SIXGATE_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "pipelines.stores.schema"], cwd=ROOT, env=environment, check=True)
    return url


def _end(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown; a server that hangs is killed."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
