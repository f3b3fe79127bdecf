"""What each process of the stack is told: its own secrets, and no other's."""

import json
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StackError
from pipelines.settings import Settings
from pipelines.stores.roles import PAGES, SERVER, STEPS
from stack.home import Home, Secrets, airflow_pages, write_private
from stack.processes.child import MARK
from stack.processes.postgres import Postgres
from stack.registry_server import access, launch
from stack.registry_server.launch import ADMIN, Passwords

AIRFLOW_USERS = {"admin": "admin", "reviewer": "op", "viewer": "viewer"}
# Of the caller's environment: what every program may need, what is ours, and what of it is secret.
NEEDED = re.compile(
    r"HOME|USER|LOGNAME|SHELL|TZ|LANG|LANGUAGE|LC_\w+|LD_LIBRARY_PATH|SSL_CERT_FILE|SSL_CERT_DIR|VIRTUAL_ENV|PYTHON\w+"
    r"|\w+_NUM_THREADS|OPENBLAS_\w+|MALLOC_\w+"
)
OUR_OWN = re.compile(r"SIXGATE_.*|MLFLOW_.*|AIRFLOW.*")
TASKS_OWN = re.compile(
    r"AIRFLOW_(?:CONN|VAR)_"
)  # connections and variables: for tasks, through the scheduler
SECRET = re.compile(r".*(PASSWORD|SECRET|API_KEY|TOKEN|DATABASE_URL)")


@dataclass(frozen=True)
class Environments:
    """The environments of one home's processes."""

    home: Home
    secrets: Secrets
    postgres: Postgres
    settings: Settings

    @property
    def roles(self) -> dict[str, str]:
        """Every role of the database beside the one that owns it, with its password."""
        drawn = self.secrets
        return {
            STEPS: drawn.postgres_steps,
            SERVER: drawn.postgres_server,
            PAGES: drawn.postgres_pages,
            "airflow": drawn.postgres_airflow,
            "mlflow": drawn.postgres_mlflow,
        }

    def migration(self) -> dict[str, str]:
        """What lays the schema: it alone signs in as the owner."""
        return self._common() | {"SIXGATE_DATABASE_URL": self.postgres.url(self.secrets.postgres)}

    def airflow_migration(self) -> dict[str, str]:
        """What lays Airflow's schema."""
        return self._airflow()

    def plain(self) -> dict[str, str]:
        """What every program may need of the caller's environment, and the mark by which a stray process is found."""
        bin_folder = str(Path(sys.executable).parent)
        return {
            **{name: value for name, value in os.environ.items() if NEEDED.fullmatch(name)},
            "PATH": f"{bin_folder}:{os.environ.get('PATH', '')}",
            MARK: self.secrets.instance,
        }

    def mlflow(self, folder: Path) -> dict[str, str]:
        """MLflow knows its own database and its own accounts; `folder` is all that it may write."""
        drawn, port = self.secrets, self.settings.mlflow_port
        passwords = Passwords(
            admin=drawn.mlflow_admin,
            steps=drawn.mlflow_steps,
            server=drawn.mlflow_server,
            secret_key=drawn.mlflow_secret,
        )
        backend = self.postgres.url(drawn.postgres_mlflow, "mlflow", user="mlflow").replace(
            "postgresql:", "postgresql+psycopg:"
        )
        place = {"HOME": str(folder), "TMPDIR": str(folder / "tmp"), "USER": "mlflow"}
        return self.plain() | place | launch.environment(backend, passwords, port=port)

    def server(self) -> dict[str, str]:
        """The scoring server: its role, its key, and a reader's account in MLflow."""
        return self._common() | {
            "SIXGATE_HOME": str(self.home.server),
            "TMPDIR": str(self.home.server / "tmp"),
            "SIXGATE_DATABASE_URL": self._database(SERVER),
            "SIXGATE_API_KEY": self.secrets.api_key,
            **self._registry(access.SERVER, self.secrets.mlflow_server),
        }

    def airflow_api_server(self) -> dict[str, str]:
        """Serves Airflow's pages and ours, and hands out what tasks need."""
        return (
            self._airflow() | self._airflow_keys() | {"SIXGATE_DATABASE_URL": self._database(PAGES)}
        )

    def airflow_scheduler(self) -> dict[str, str]:
        """Tasks are its children, and steps theirs."""
        return {
            **self._airflow(),
            **self._airflow_keys(),
            **{name: value for name, value in os.environ.items() if TASKS_OWN.match(name)},
            "SIXGATE_DATABASE_URL": self._database(STEPS),
            "AIRFLOW_CONN_SIXGATE": self._database(STEPS),
            "SIXGATE_AIRFLOW_DATABASE_URL": self._airflow_database(),
            **self._registry(access.STEPS, self.secrets.mlflow_steps),
        }

    def airflow_other(self) -> dict[str, str]:
        """The DAG processor and the triggerer: Airflow's database, and nothing of ours."""
        return self._airflow()

    def write_credentials(self) -> None:
        """Leave what people and clients need, for the owner's eyes only."""
        passwords = {name: getattr(self.secrets, f"airflow_{name}") for name in AIRFLOW_USERS}
        write_private(self.home.airflow / "passwords.json", json.dumps(passwords))
        write_private(self.home.mlflow_passwords, json.dumps({ADMIN: self.secrets.mlflow_admin}))
        lines = [f"{name}={value}" for name, value in self._client().items()]
        if self.settings.policy_overlay:
            lines.append(
                f"SIXGATE_POLICY_OVERLAY={_quoted(str(self.settings.policy_overlay.resolve()))}"
            )
        if self.settings.use_cases:
            lines.append(f"SIXGATE_USE_CASES={_quoted(self.settings.use_cases)}")
        write_private(self.home.env_file, "\n".join(lines) + "\n")

    def _client(self) -> dict[str, str]:
        """What a person's commands need."""
        return {
            "SIXGATE_DATABASE_URL": self._database(STEPS),
            **self._registry(access.STEPS, self.secrets.mlflow_steps),
            "SIXGATE_API_KEY": self.secrets.api_key,
            **self._ports(),
        }

    def _common(self) -> dict[str, str]:
        """What every process that imports Sixgate sees: the caller's settings, and no secret."""
        settings, cache = self.settings, self.home.path / "cache"
        given = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("SIXGATE_") and not SECRET.fullmatch(name)
        }
        return {
            **self.plain(),
            **given,
            **self._ports(),
            "SIXGATE_HOME": str(self.home.path),
            "SIXGATE_POLICY_OVERLAY": str(settings.policy_overlay.resolve())
            if settings.policy_overlay
            else "",
            "SIXGATE_USE_CASES": settings.use_cases,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
            "MPLCONFIGDIR": str(cache / "matplotlib"),
            "XDG_CACHE_HOME": str(cache),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count() or 1)),
        }

    def _ports(self) -> dict[str, str]:
        settings = self.settings
        return {
            "SIXGATE_PG_PORT": str(settings.pg_port),
            "SIXGATE_AIRFLOW_PORT": str(settings.airflow_port),
            "SIXGATE_MLFLOW_PORT": str(settings.mlflow_port),
            "SIXGATE_API_PORT": str(settings.api_port),
        }

    def _database(self, role: str) -> str:
        """The URL by which a role reaches the database `sixgate`."""
        return self.postgres.url(self.roles[role], user=role)

    def _registry(self, account: str, password: str) -> dict[str, str]:
        return {
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{self.settings.mlflow_port}",
            "MLFLOW_TRACKING_USERNAME": account,
            "MLFLOW_TRACKING_PASSWORD": password,
        }

    def _airflow_database(self) -> str:
        url = self.postgres.url(self.secrets.postgres_airflow, "airflow", user="airflow")
        return url.replace("postgresql:", "postgresql+psycopg2:")

    def _airflow_keys(self) -> dict[str, str]:
        """What signs a task's and a browser's requests to the API server: for who serves it and who starts tasks."""
        return {
            "AIRFLOW__API__SECRET_KEY": self.secrets.airflow_secret,
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secrets.airflow_jwt,
        }

    def _airflow(self) -> dict[str, str]:
        """Airflow's own configuration, all of it by environment; the caller's settings stand where ours say nothing."""
        settings, home = self.settings, self.home
        pages = airflow_pages(settings, self.secrets)
        config = {
            "CORE__DAGS_FOLDER": settings.root / "dags",
            "CORE__PLUGINS_FOLDER": settings.root / "plugins",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": max(4, 2 * (os.cpu_count() or 1)),
            "CORE__LOAD_EXAMPLES": False,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
            "CORE__FERNET_KEY": self.secrets.airflow_fernet,
            "CORE__EXECUTION_API_SERVER_URL": f"{pages}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
                f"{name}:{role}" for name, role in AIRFLOW_USERS.items()
            ),
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home.airflow / "passwords.json",
            "DATABASE__SQL_ALCHEMY_CONN": self._airflow_database(),
            "API__BASE_URL": pages,
            "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.3,
            "USAGE_DATA_COLLECTION__ENABLED": False,
            "LOGGING__BASE_LOG_FOLDER": home.airflow / "logs",
        }
        return {
            **{
                name: value for name, value in os.environ.items() if not OUR_OWN.fullmatch(name)
            },  # hooks may need any of it
            **self._common(),
            **{
                name: value
                for name, value in os.environ.items()
                if name.startswith("AIRFLOW") and not TASKS_OWN.match(name)
            },
            "AIRFLOW_HOME": str(home.airflow),
            **{f"AIRFLOW__{key}": str(value) for key, value in config.items()},
        }


def _quoted(value: str) -> str:
    """A value as a shell and pydantic-settings both read it; they agree on no way to write a quote."""
    if "'" in value or "\n" in value:
        raise StackError(
            f"{value!r} can't be kept for shells: name it without a quote and a line break"
        )
    return shlex.quote(value)
