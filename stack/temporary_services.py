"""Real services that nobody else uses, for tests and benchmarks: they end with the block, and their data go with them."""

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
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def database(
    home: Path, *, before: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[tuple[Postgres, str]]:
    """A running PostgreSQL with its password; `before` stands before its command, `options` after it."""
    password = secrets.token_urlsafe(16)
    postgres = Postgres.embedded(
        home, instance=f"throwaway-{secrets.token_hex(8)}", port=free_port()
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
    """Run an initialised server for as long as the block."""
    with (postgres.data.parent / "postgres.log").open("ab") as log:
        command = [*before, *postgres.command(), *options]
        server = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd="/", **postgres.process_options()
        )
    try:
        postgres.wait(password)
        yield
    finally:
        _end(server)


def migrate(database_url: str, home: Path) -> None:
    """Lay the schema into a database."""
    environment = {**os.environ, "SIXGATE_DATABASE_URL": database_url, "SIXGATE_HOME": str(home)}
    subprocess.run(
        [sys.executable, "-m", "pipelines.stores.migrations"], cwd=ROOT, env=environment, check=True
    )


@contextlib.contextmanager
def mlflow(home: Path, port: int, passwords: Passwords | None = None) -> Iterator[RunningRegistry]:
    """An MLflow server on what `home` holds, with accounts as the stack's has them."""
    passwords = passwords or draw_passwords()
    command = launch.command("127.0.0.1", port, home / "files")
    environment = {
        **os.environ,
        **launch.environment(f"sqlite:///{home}/mlflow.db", passwords, port=port),
    }
    with (home / "mlflow.log").open("ab") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        yield RunningRegistry(_answering(f"http://127.0.0.1:{port}", server), passwords, server.pid)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def draw_passwords() -> Passwords:
    """Passwords for one MLflow server."""
    admin, steps, server, secret_key = (secrets.token_urlsafe(16) for _ in range(4))
    return Passwords(admin=admin, steps=steps, server=server, secret_key=secret_key)


def sign_in(passwords: Passwords) -> dict[str, str]:
    """The environment in which this process, and those that it starts, ask MLflow as steps do."""
    return {"MLFLOW_TRACKING_USERNAME": STEPS, "MLFLOW_TRACKING_PASSWORD": passwords.steps}


def _answering(uri: str, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{uri}/health", timeout=2).status_code == 200:
                return uri
        time.sleep(0.2)
    raise RuntimeError("MLflow did not answer within 90 s")


def _end(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown; a server that hangs is killed."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
