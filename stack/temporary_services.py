"""Temporary PostgreSQL and MLflow servers for tests and benchmarks.

Each is a context manager: at the end of the block the server is stopped and its data is removed.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipelines.settings import ROOT
from stack.processes.postgres import Postgres
from stack.registry_server import launch
from stack.registry_server.access import STEPS
from stack.registry_server.launch import Passwords


@dataclass(frozen=True)
class RunningRegistry:
    """A running MLflow server."""

    uri: str
    passwords: Passwords
    pid: int


def free_port() -> int:
    """Return a port that no process listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def database(
    home: Path, *, before: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[tuple[Postgres, str]]:
    """Run a new PostgreSQL and yield it with its password.

    `before` is put in front of the server's command line, `options` at its end.
    """
    password = secrets.token_urlsafe(16)
    postgres = Postgres.embedded(
        home,
        instance=f"throwaway-{secrets.token_hex(8)}",
        port=free_port(),
    )
    try:
        postgres.initialise(password)
        with running(postgres, password, before=before, options=options):
            yield postgres, password
    finally:
        postgres.delete()


@contextlib.contextmanager
def running(
    postgres: Postgres, password: str, *, before: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[None]:
    """Run an initialised PostgreSQL until the end of the block; see `database` for the options."""
    with (postgres.data.parent / "postgres.log").open("ab") as log:
        command = [*before, *postgres.command(), *options]
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            **postgres.process_options(),
        )
    try:
        postgres.wait(password)
        yield
    finally:
        _end(server)


def migrate(database_url: str, home: Path) -> None:
    """Create or update Sixgate's schema in a database."""
    environment = {**os.environ, "SIXGATE_DATABASE_URL": database_url, "SIXGATE_HOME": str(home)}
    subprocess.run(
        [sys.executable, "-m", "pipelines.stores.migrations"],
        cwd=ROOT,
        env=environment,
        check=True,
    )


@contextlib.contextmanager
def mlflow(home: Path, port: int, passwords: Passwords | None = None) -> Iterator[RunningRegistry]:
    """Run an MLflow server on the data in `home`, with the same accounts as the stack's."""
    passwords = passwords or draw_passwords()
    command = launch.command("127.0.0.1", port, home / "files")
    backend = f"sqlite:///{home}/mlflow.db"
    environment = {**os.environ, **launch.environment(backend, passwords, port=port)}
    with (home / "mlflow.log").open("ab") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    try:
        uri = f"http://127.0.0.1:{port}"
        _wait_for_mlflow(uri, server)
        yield RunningRegistry(uri, passwords, server.pid)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def draw_passwords() -> Passwords:
    """Return new passwords for one MLflow server."""
    admin, steps, server, secret_key = (secrets.token_urlsafe(16) for _ in range(4))
    return Passwords(
        admin=admin,
        steps=steps,
        server=server,
        secret_key=secret_key,
    )


def sign_in(passwords: Passwords) -> dict[str, str]:
    """Return the environment variables with which MLflow's client signs in as the steps do."""
    return {"MLFLOW_TRACKING_USERNAME": STEPS, "MLFLOW_TRACKING_PASSWORD": passwords.steps}


def _wait_for_mlflow(uri: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{uri}/health", timeout=2).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("MLflow did not answer within 90 s")


def _end(server: subprocess.Popen[bytes]) -> None:
    """Stop PostgreSQL with a fast shutdown (SIGINT); kill it after 20 s."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
