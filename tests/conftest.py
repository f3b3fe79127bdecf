"""Real services of the tests' own: PostgreSQL with the schema in it, and an MLflow server."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from pipelines import library_settings
from stack import temporary_services
from stack.processes.postgres import Postgres
from stack.registry_server.launch import Passwords
from stack.temporary_services import RunningRegistry
from tests.services import Overwrite, forget_models, name_of, overwriting, signed_in

settings.register_profile(
    "any machine", deadline=None
)  # tests run side by side, and time out as a whole
settings.load_profile("any machine")

library_settings.apply()  # before a test imports MLflow


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that the test starts do not measure their coverage, which slows them down."""
    for name in [name for name in os.environ if name.startswith(("COVERAGE_", "COV_CORE_"))]:
        monkeypatch.delenv(name)


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


@pytest.fixture(scope="module")
def database_url(migrated: str, copy_database: Callable[[str], str]) -> str:
    """A migrated database of this module's own."""
    return copy_database(migrated)


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    """The passwords of every MLflow server of this session."""
    return temporary_services.draw_passwords()


@pytest.fixture(scope="session")
def mlflow(
    tmp_path_factory: pytest.TempPathFactory, passwords: Passwords
) -> Iterator[RunningRegistry]:
    """An MLflow server that nobody else uses, with its passwords."""
    home = tmp_path_factory.mktemp("mlflow")
    port = temporary_services.free_port()
    with temporary_services.mlflow(home, port, passwords) as registry:
        yield registry


@pytest.fixture(scope="module")
def mlflow_uri(mlflow: RunningRegistry) -> Iterator[str]:
    """The address of `mlflow` without models; this process and its children sign in as steps do."""
    forget_models(mlflow)
    with signed_in(mlflow.passwords):
        yield mlflow.uri


@pytest.fixture(scope="module")
def overwrite(mlflow: RunningRegistry) -> Iterator[Overwrite]:
    """Write over a file of a model's version in `mlflow`."""
    with overwriting(mlflow) as overwrite:
        yield overwrite
