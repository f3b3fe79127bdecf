"""Real services of the tests' own: PostgreSQL with the schema in it, and an MLflow server."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from pipelines.settings import ROOT
from stack.postgres import Postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, str]]:
    """A server that nobody else uses, with its password; server and data are gone afterwards."""
    home, password = tmp_path_factory.mktemp("postgres"), secrets.token_urlsafe(16)
    postgres = Postgres.embedded(home, instance=f"test-{secrets.token_hex(8)}", port=free_port())
    try:
        postgres.initialise(password)
        with running(postgres, password):
            yield postgres, password
    finally:
        postgres.delete()


@contextlib.contextmanager
def running(postgres: Postgres, password: str) -> Iterator[None]:
    """Run the server for as long as the block."""
    with (postgres.data.parent / "postgres.log").open("ab") as log:
        command = [*postgres.command(), "-c", "fsync=off"]
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd="/", **postgres.process_options())
    try:
        postgres.wait(password)
        yield
    finally:
        _end(server)


@pytest.fixture(scope="module")
def new_database(postgres: tuple[Postgres, str]) -> Callable[[], str]:
    """Make an empty database and return its URL."""
    server, password = postgres

    def new_database() -> str:
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(server.url(password, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return server.url(password, name)

    return new_database


@pytest.fixture(scope="module")
def database_url(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database of this module's own."""
    url = new_database()
    environment = {**os.environ, "SIXGATE_DATABASE_URL": url, "SIXGATE_HOME": str(tmp_path_factory.mktemp("home"))}
    subprocess.run([sys.executable, "-m", "pipelines.stores.schema"], cwd=ROOT, env=environment, check=True)
    return url


@pytest.fixture(scope="module")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server that nobody else uses."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow"), free_port()) as uri:
        yield uri


@contextlib.contextmanager
def mlflow_server(home: Path, port: int) -> Iterator[str]:
    """Run MLflow on what `home` holds for as long as the block."""
    command = [
        str(Path(sys.executable).parent / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{home}/mlflow.db",
        "--serve-artifacts", "--artifacts-destination", str(home / "files"),
    ]  # fmt: skip
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "mlflow.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True)
    try:
        yield _answering(f"http://127.0.0.1:{port}", server)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def _answering(uri: str, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{uri}/health", timeout=2).status_code == 200:
                return uri
        time.sleep(0.2)
    raise RuntimeError("MLflow did not answer within 90 s")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown; a server that hangs is killed."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
