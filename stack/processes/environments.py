"""The environment variables of each process of the stack.

A process gets its own secrets, and no secret of another process.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StackError
from pipelines.library_settings import NO_TELEMETRY
from pipelines.settings import Settings
from pipelines.stores.roles import PAGES, SERVER, STEPS
from stack.home import Home, Secrets, airflow_pages, write_private
from stack.processes.child import MARK
from stack.processes.postgres import Postgres
from stack.registry_server import access, launch
from stack.registry_server.launch import ADMIN, Passwords

AIRFLOW_USERS = {"admin": "admin", "reviewer": "op", "viewer": "viewer"}
REVIEWERS = ("admin", "reviewer")  # those who may trigger DAGs and answer reviews
# Of the caller's environment: what any program may need, what configures Sixgate, and the secrets.
NEEDED = re.compile(
    r"HOME|USER|LOGNAME|SHELL|TZ|LANG|LANGUAGE|LC_\w+|LD_LIBRARY_PATH|SSL_CERT_FILE|SSL_CERT_DIR"
    r"|VIRTUAL_ENV|PYTHON\w+|\w+_NUM_THREADS|OPENBLAS_\w+|MALLOC_\w+"
)
OUR_OWN = re.compile(r"SIXGATE_.*|MLFLOW_.*|AIRFLOW.*")
# Airflow's connections and variables: tasks need them, and get them from the scheduler.
TASKS_OWN = re.compile(r"AIRFLOW_(?:CONN|VAR)_")
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
        """The password of every database role except the role that owns the schema."""
        secrets = self.secrets
        return {
            STEPS: secrets.postgres_steps,
            SERVER: secrets.postgres_server,
            PAGES: secrets.postgres_pages,
            "airflow": secrets.postgres_airflow,
            "mlflow": secrets.postgres_mlflow,
        }

    def migration(self) -> dict[str, str]:
        """Sixgate's migration; no other process signs in as the owner of the schema."""
        return self._common() | {"SIXGATE_DATABASE_URL": self.postgres.url(self.secrets.postgres)}

    def airflow_migration(self) -> dict[str, str]:
        """The migration of Airflow's database."""
        return self._airflow()

    def plain(self) -> dict[str, str]:
        """What any program needs of the caller's environment, and the mark to find strays by."""
        bin_folder = str(Path(sys.executable).parent)
        return {
            **_caller(NEEDED.fullmatch),
            "PATH": f"{bin_folder}:{os.environ.get('PATH', '')}",
            MARK: self.secrets.instance,
        }

    def mlflow(self, folder: Path) -> dict[str, str]:
        """MLflow: its database and its accounts; it may only write to `folder`."""
        secrets = self.secrets
        passwords = Passwords(
            admin=secrets.mlflow_admin,
            steps=secrets.mlflow_steps,
            server=secrets.mlflow_server,
            secret_key=secrets.mlflow_secret,
        )
        url = self.postgres.url(secrets.postgres_mlflow, "mlflow", user="mlflow")
        backend = url.replace("postgresql:", "postgresql+psycopg:")
        return {
            **self.plain(),
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "USER": "mlflow",
            **launch.environment(backend, passwords, port=self.settings.mlflow_port),
        }

    def server(self) -> dict[str, str]:
        """The scoring server: its database role, its API key and a read-only account in MLflow."""
        return self._common() | {
            "SIXGATE_HOME": str(self.home.server),
            "SIXGATE_JOBS": str(self.settings.jobs_root.resolve()),
            "TMPDIR": str(self.home.server / "tmp"),
            "SIXGATE_DATABASE_URL": self._database(SERVER),
            "SIXGATE_API_KEY": self.secrets.api_key,
            **self._registry(access.SERVER, self.secrets.mlflow_server),
        }

    def airflow_api_server(self) -> dict[str, str]:
        """Airflow's API server, which also serves our pages."""
        return {
            **self._airflow(),
            **self._airflow_keys(),
            "SIXGATE_DATABASE_URL": self._database(PAGES),
        }

    def airflow_scheduler(self) -> dict[str, str]:
        """Airflow's scheduler, which starts tasks; tasks start steps, with the same environment."""
        return {
            **self._airflow(),
            **self._airflow_keys(),
            **_caller(TASKS_OWN.match),
            "SIXGATE_DATABASE_URL": self._database(STEPS),
            "AIRFLOW_CONN_SIXGATE": self._database(STEPS),
            "SIXGATE_AIRFLOW_DATABASE_URL": self._airflow_database(),
            **self._registry(access.STEPS, self.secrets.mlflow_steps),
        }

    def airflow_other(self) -> dict[str, str]:
        """The DAG processor and the triggerer: Airflow's database and no access to Sixgate's."""
        return self._airflow()

    def write_credentials(self) -> None:
        """Write the passwords and settings for people and clients, readable by the owner only."""
        passwords = {name: getattr(self.secrets, f"airflow_{name}") for name in AIRFLOW_USERS}
        write_private(self.home.airflow / "passwords.json", json.dumps(passwords))
        write_private(self.home.mlflow_passwords, json.dumps({ADMIN: self.secrets.mlflow_admin}))
        lines = [f"{name}={value}" for name, value in self._client().items()]
        if self.settings.policy_overlay:
            overlay = str(self.settings.policy_overlay.resolve())
            lines.append(f"SIXGATE_POLICY_OVERLAY={_quoted(overlay)}")
        if self.settings.use_cases:
            lines.append(f"SIXGATE_USE_CASES={_quoted(self.settings.use_cases)}")
        write_private(self.home.env_file, "\n".join(lines) + "\n")

    def _client(self) -> dict[str, str]:
        """The commands that a person runs."""
        return {
            "SIXGATE_DATABASE_URL": self._database(STEPS),
            **self._registry(access.STEPS, self.secrets.mlflow_steps),
            "SIXGATE_API_KEY": self.secrets.api_key,
            **self._ports(),
        }

    def _common(self) -> dict[str, str]:
        """What every process that imports Sixgate gets: the caller's settings, and no secret."""
        settings = self.settings
        overlay = settings.policy_overlay
        cache = self.home.path / "cache"
        return {
            **self.plain(),
            **_caller(lambda name: name.startswith("SIXGATE_") and not SECRET.fullmatch(name)),
            **self._ports(),
            "SIXGATE_HOME": str(self.home.path),
            "SIXGATE_POLICY_OVERLAY": str(overlay.resolve()) if overlay else "",
            "SIXGATE_USE_CASES": settings.use_cases,
            **NO_TELEMETRY,
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
        """Return the URL with which a role connects to the database `sixgate`."""
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
        """The keys that sign requests of tasks and browsers to the API server.

        The API server needs them to check the signatures, the scheduler to start tasks.
        """
        return {
            "AIRFLOW__API__SECRET_KEY": self.secrets.airflow_secret,
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secrets.airflow_jwt,
        }

    def _airflow(self) -> dict[str, str]:
        """Airflow's configuration; options that Sixgate sets replace the caller's."""
        return {
            **_caller(lambda name: not OUR_OWN.fullmatch(name)),  # hooks may need any of it
            **self._common(),
            **_caller(lambda name: name.startswith("AIRFLOW") and not TASKS_OWN.match(name)),
            "AIRFLOW_HOME": str(self.home.airflow),
            **{f"AIRFLOW__{key}": str(value) for key, value in self._airflow_options().items()},
        }

    def _airflow_options(self) -> dict[str, object]:
        """The options that Sixgate sets: `SECTION__KEY` → value."""
        settings = self.settings
        home = self.home
        pages = airflow_pages(settings, self.secrets)
        users = ",".join(f"{name}:{role}" for name, role in AIRFLOW_USERS.items())
        return {
            "CORE__DAGS_FOLDER": settings.root / "dags",
            "CORE__PLUGINS_FOLDER": settings.root / "plugins",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": max(4, 2 * (os.cpu_count() or 1)),
            "CORE__LOAD_EXAMPLES": False,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
            "CORE__FERNET_KEY": self.secrets.airflow_fernet,
            "CORE__EXECUTION_API_SERVER_URL": f"{pages}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": users,
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home.airflow / "passwords.json",
            "DATABASE__SQL_ALCHEMY_CONN": self._airflow_database(),
            "API__BASE_URL": pages,
            "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.3,
            "USAGE_DATA_COLLECTION__ENABLED": False,
            "LOGGING__BASE_LOG_FOLDER": home.airflow / "logs",
        }


def _caller(select: Callable[[str], object]) -> dict[str, str]:
    """Return the caller's environment variables whose name `select` accepts."""
    return {name: value for name, value in os.environ.items() if select(name)}


def _quoted(value: str) -> str:
    """Quote a value so that shells and pydantic-settings read the same.

    Raises StackError for a quote or a line break: the two have no common way to write them.
    """
    if "'" in value or "\n" in value:
        raise StackError(
            f"{value!r} can't be written to sixgate.env: "
            "choose a name without a single quote and a line break"
        )
    return shlex.quote(value)
