"""A migrated database of its own, from which the page of the tables is written."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from pipelines.settings import Settings
from pipelines.stores.migrations import migrate
from pipelines.stores.roles import PAGES, SERVER, STEPS
from stack import temporary_services

ROLES = [SERVER, STEPS, PAGES]


@contextlib.contextmanager
def migrated_database() -> Iterator[psycopg.Connection[DictRow]]:
    """Start a temporary PostgreSQL with the roles and the newest schema; yield a connection."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with temporary_services.database(home, options=("-c", "fsync=off")) as (postgres, password):
            url = postgres.url(password, "postgres")
            with psycopg.connect(url, row_factory=dict_row, autocommit=True) as connection:
                _create_roles(connection)
                migrate(Settings(home=home, database_url=url))
                yield connection


def _create_roles(connection: psycopg.Connection[Any]) -> None:
    """Create the roles that `sql/roles.sql` grants rights to."""
    for role in ROLES:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
