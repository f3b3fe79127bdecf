"""Connections to PostgreSQL, and the named queries of `sql/queries`."""

from functools import lru_cache
from typing import Any

import aiosql
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from pipelines.errors import StackError
from pipelines.settings import ROOT, Settings

Connection = psycopg.Connection[dict[str, Any]]


def connect(settings: Settings, *, autocommit: bool = False, seconds: int = 10) -> Connection:
    """Open a connection whose rows are dicts; raises StackError when the URL is invalid.

    Its `with` block commits at the end, or rolls back on an error. `seconds` is how long to wait
    for a server that does not answer.
    """
    _require_url(settings.database_url)
    return psycopg.connect(
        settings.database_url,
        row_factory=dict_row,
        autocommit=autocommit,
        connect_timeout=seconds,
        options="-c TimeZone=UTC",  # times are shown in UTC, whatever the server's time zone
        application_name="sixgate",
    )


def _require_url(url: str) -> None:
    """Raise StackError unless the URL is valid.

    The driver's own message would write the URL, with its password, to logs.
    """
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise StackError(
            "SIXGATE_DATABASE_URL is not a PostgreSQL URL: write "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as %XX"
        ) from None


@lru_cache
def queries(name: str) -> Any:
    """Return the named queries of `sql/queries/<name>.sql`."""
    file = ROOT / "sql" / "queries" / f"{name}.sql"
    return aiosql.from_path(file, "psycopg", mandatory_parameters=False)
