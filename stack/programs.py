"""The processes of the stack: what each runs, in which environment, and how its health is asked."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipelines.settings import Settings
from stack.child import MARK
from stack.home import Home, Secrets, write_private
from stack.postgres import Postgres

AIRFLOW_USERS = {"admin": "admin", "reviewer": "op", "viewer": "viewer"}


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised process; `user` when it may not run as the caller."""

    name: str
    command: list[str]
    user: str | None = None
    stop_signal: str = "TERM"


def programs(postgres: Postgres, settings: Settings) -> list[Program]:
    """Every process in the order in which they may start."""
    local, python = settings.host, sys.executable
    binaries = Path(python).parent
    airflow = str(binaries / "airflow")
    return [
        Program(name="postgres", command=postgres.command(), user=postgres.user, stop_signal="INT"),
        Program(
            name="mlflow",
            command=[
                str(binaries / "mlflow"), "server", "--host", local, "--port", str(settings.mlflow_port), "--workers", "1",
                "--serve-artifacts", "--artifacts-destination", (settings.home.resolve() / "mlflow").as_uri(),
            ],
        ),
        Program(name="server", command=[python, "-m", "serving"]),
        Program(
            name="airflow-api-server",
            command=[airflow, "api-server", "--host", local, "--port", str(settings.airflow_port), "--workers", "1"],
        ),
        Program(name="airflow-scheduler", command=[airflow, "scheduler", "--skip-serve-logs"]),
        Program(name="airflow-dag-processor", command=[airflow, "dag-processor"]),
        Program(name="airflow-triggerer", command=[airflow, "triggerer", "--skip-serve-logs"]),
    ]  # fmt: skip


def environment(home: Home, drawn: Secrets, postgres: Postgres, settings: Settings) -> dict[str, str]:
    """What every process of the stack sees; secrets stay in the environment and in files of mode 0600."""
    bin_folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ.get('PATH', '')}",
        "SIXGATE_HOME": str(home.path),
        MARK: drawn.instance,
        **{name: str(value) for name, value in client_environment(drawn, postgres, settings).items()},
        "SIXGATE_POLICY_OVERLAY": str(settings.policy_overlay.resolve()) if settings.policy_overlay else "",
        "SIXGATE_USE_CASES": settings.use_cases,
        "MLFLOW_BACKEND_STORE_URI": postgres.url(drawn.postgres, "mlflow").replace("postgresql:", "postgresql+psycopg:"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count() or 1)),
        **airflow_environment(home, drawn, postgres, settings),
    }


def client_environment(drawn: Secrets, postgres: Postgres, settings: Settings) -> dict[str, str | int]:
    """What a client of the stack needs; `up` leaves it in `sixgate.env`."""
    return {
        "SIXGATE_DATABASE_URL": postgres.url(drawn.postgres),
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{settings.mlflow_port}",
        "SIXGATE_API_KEY": drawn.api_key,
        "SIXGATE_PG_PORT": settings.pg_port,
        "SIXGATE_AIRFLOW_PORT": settings.airflow_port,
        "SIXGATE_MLFLOW_PORT": settings.mlflow_port,
        "SIXGATE_API_PORT": settings.api_port,
    }


def airflow_environment(home: Home, drawn: Secrets, postgres: Postgres, settings: Settings) -> dict[str, str]:
    """Airflow's own configuration, all of it by environment."""
    config = {
        "CORE__DAGS_FOLDER": settings.root / "dags",
        "CORE__PLUGINS_FOLDER": settings.root / "plugins",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": max(4, 2 * (os.cpu_count() or 1)),
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__FERNET_KEY": drawn.airflow_fernet,
        "CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow_url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in AIRFLOW_USERS.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home.airflow / "passwords.json",
        "DATABASE__SQL_ALCHEMY_CONN": postgres.url(drawn.postgres, "airflow").replace("postgresql:", "postgresql+psycopg2:"),
        "API__BASE_URL": settings.airflow_url,
        "API__SECRET_KEY": drawn.airflow_secret,
        "API_AUTH__JWT_SECRET": drawn.airflow_jwt,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.3,
        "USAGE_DATA_COLLECTION__ENABLED": False,
        "LOGGING__BASE_LOG_FOLDER": home.airflow / "logs",
    }
    return {
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW_CONN_SIXGATE": postgres.url(drawn.postgres),
        "SIXGATE_AIRFLOW_DATABASE_URL": str(config["DATABASE__SQL_ALCHEMY_CONN"]),
        **{f"AIRFLOW__{key}": str(value) for key, value in config.items()},
    }


def write_credentials(home: Home, drawn: Secrets, postgres: Postgres, settings: Settings) -> None:
    """Leave what people and clients need, for the owner's eyes only."""
    passwords = {name: getattr(drawn, f"airflow_{name}") for name in AIRFLOW_USERS}
    write_private(home.airflow / "passwords.json", json.dumps(passwords))
    lines = [f"{name}={value}" for name, value in client_environment(drawn, postgres, settings).items()]
    if settings.policy_overlay:
        lines.append(f"SIXGATE_POLICY_OVERLAY={settings.policy_overlay.resolve()}")
    if settings.use_cases:
        lines.append(f"SIXGATE_USE_CASES={settings.use_cases}")
    write_private(home.env_file, "\n".join(lines) + "\n")


def health_checks(settings: Settings) -> dict[str, Callable[[], bool]]:
    """How each part is asked whether it is well."""
    airflow = f"{settings.airflow_url}/api/v2/monitor/health"
    return {
        "airflow": lambda: _airflow_healthy(airflow),
        "mlflow": lambda: _ok(f"http://127.0.0.1:{settings.mlflow_port}/health"),
        "server": lambda: _ok(f"{settings.api_url}/healthz"),
    }


def _ok(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _airflow_healthy(url: str) -> bool:
    try:
        answer = httpx.get(url, timeout=2)
        parts = answer.json()
        return all(parts[name]["status"] == "healthy" for name in ("metadatabase", "scheduler", "dag_processor", "triggerer"))
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
