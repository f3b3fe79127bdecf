"""How the MLflow server is started: its command line and its environment."""

import sys
from dataclasses import dataclass
from pathlib import Path

ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """What each account signs in with, and the key that MLflow signs its form with."""

    admin: str
    steps: str
    server: str
    secret_key: str


def command(host: str, port: int, artifacts: Path) -> list[str]:
    """`mlflow server` on `host` and `port`; files of runs and models lie below `artifacts`."""
    mlflow = Path(sys.executable).parent / "mlflow"
    return [
        str(mlflow), "server", "--app-name", "sixgate", "--host", host, "--port", str(port), "--workers", "1",
        "--serve-artifacts", "--artifacts-destination", artifacts.as_uri(),
    ]  # fmt: skip


def environment(backend: str, passwords: Passwords, *, port: int) -> dict[str, str]:
    """What the server is told; `backend` is the URI of the database for runs, models and accounts."""
    return {
        "MLFLOW_BACKEND_STORE_URI": backend,
        "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": passwords.admin,
        "SIXGATE_MLFLOW_STEPS_PASSWORD": passwords.steps,
        "SIXGATE_MLFLOW_SERVER_PASSWORD": passwords.server,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": passwords.secret_key,
        # A name that resolves to this machine is no excuse: whoever asks for another host was led here (DNS rebinding).
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(
            f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")
        ),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
