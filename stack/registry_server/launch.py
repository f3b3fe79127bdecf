"""The command line and the environment of the MLflow server."""

import sys
from dataclasses import dataclass
from pathlib import Path

from pipelines.library_settings import NO_TELEMETRY

ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """The passwords of the accounts, and the key with which MLflow signs its sign-up form."""

    admin: str
    steps: str
    server: str
    secret_key: str


def command(host: str, port: int, artifacts: Path) -> list[str]:
    """Return the command line of a server that stores files of runs and models in `artifacts`."""
    mlflow = str(Path(sys.executable).parent / "mlflow")
    options = {
        "--app-name": "sixgate",
        "--host": host,
        "--port": str(port),
        "--workers": "1",
        "--artifacts-destination": artifacts.as_uri(),
    }
    flags = [part for option in options.items() for part in option]
    return [mlflow, "server", *flags, "--serve-artifacts"]


def environment(backend: str, passwords: Passwords, *, port: int) -> dict[str, str]:
    """Return the server's environment variables.

    `backend` is the URI of the database for runs, models and accounts.
    """
    hosts = [f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")]
    return {
        "MLFLOW_BACKEND_STORE_URI": backend,
        "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": passwords.admin,
        "SIXGATE_MLFLOW_STEPS_PASSWORD": passwords.steps,
        "SIXGATE_MLFLOW_SERVER_PASSWORD": passwords.server,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": passwords.secret_key,
        # Refuse other host names, even if they resolve to this machine (DNS rebinding).
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **NO_TELEMETRY,
    }
