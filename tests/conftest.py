"""Real services of the tests' own: PostgreSQL with the schema in it, and an MLflow server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pipelines import library_settings
from stack import temporary_services
from stack.processes.postgres import Postgres
from stack.temporary_services import RunningRegistry

settings.register_profile(
    "any machine", deadline=None
)  # tests run side by side, and time out as a whole
settings.load_profile("any machine")

library_settings.apply()  # before a test imports MLflow


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, str]]:
    """A server that nobody else uses, with its password; server and data are gone afterwards."""
    with temporary_services.database(
        tmp_path_factory.mktemp("postgres"), options=("-c", "fsync=off")
    ) as server:
        yield server


@pytest.fixture(scope="session")
def copy_database(postgres: tuple[Postgres, str]) -> Callable[[str], str]:
    """Make a copy of a database by name, which no process may be connected to; return its URL."""
    server, password = postgres

    def copy_database(template: str) -> str:
        name = f"test_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with psycopg.connect(server.url(password, "postgres"), autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return server.url(password, name)

    return copy_database


@pytest.fixture(scope="session")
def new_database(copy_database: Callable[[str], str]) -> Callable[[], str]:
    """Make an empty database and return its URL."""
    return lambda: copy_database("template1")


@pytest.fixture(scope="session")
def migrated(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated database without rows, to be copied."""
    url = new_database()
    temporary_services.migrate(url, tmp_path_factory.mktemp("home"))
    return name_of(url)


def name_of(database_url: str) -> str:
    """The name of the database that a URL leads to."""
    return str(conninfo_to_dict(database_url)["dbname"])


@pytest.fixture(scope="module")
def database_url(migrated: str, copy_database: Callable[[str], str]) -> str:
    """A migrated database of this module's own."""
    return copy_database(migrated)


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """An MLflow server that nobody else uses, with its passwords."""
    with temporary_services.mlflow(
        tmp_path_factory.mktemp("mlflow"), temporary_services.free_port()
    ) as registry:
        yield registry


@pytest.fixture(scope="module")
def mlflow_uri(mlflow: RunningRegistry) -> Iterator[str]:
    """The address of MLflow without models.

    This process, and those that it starts, sign in as steps do.
    """
    forget_models(mlflow)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in temporary_services.sign_in(mlflow.passwords).items():
            patch.setenv(name, value)
        yield mlflow.uri


def forget_models(mlflow: RunningRegistry) -> None:
    """Delete every registered model, so that the next version is number 1."""
    api = f"{mlflow.uri}/api/2.0/mlflow/registered-models"
    with httpx.Client(auth=("admin", mlflow.passwords.admin), timeout=20) as admin:
        models = admin.get(f"{api}/search").raise_for_status().json().get("registered_models", [])
        for model in models:
            deleted = admin.request("DELETE", f"{api}/delete", json={"name": model["name"]})
            deleted.raise_for_status()


@pytest.fixture(scope="module")
def overwrite(mlflow: RunningRegistry) -> Iterator[Callable[[str, int, str, bytes], None]]:
    """Write over a file of a model's version, which MLflow's admin alone may do."""
    api = f"{mlflow.uri}/api/2.0"
    with httpx.Client(auth=("admin", mlflow.passwords.admin), timeout=20) as admin:

        def write(use_case: str, version: int, name: str, content: bytes) -> None:
            asked = {"name": use_case, "version": str(version)}
            source = admin.get(f"{api}/mlflow/model-versions/get", params=asked).json()[
                "model_version"
            ]["source"]
            model = admin.get(f"{api}/mlflow/logged-models/{source.rpartition('/')[2]}").json()[
                "model"
            ]
            folder = model["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
            admin.put(
                f"{api}/mlflow-artifacts/artifacts/{folder}/{name}", content=content
            ).raise_for_status()

        yield write
