"""The connection every store is given, and the named queries of `sql/queries`."""

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
    """Open a connection whose rows are dicts; leaving its `with` block commits, or rolls back on an error.

    `seconds` is how long a server that does not answer is waited for.
    """
    _require_url(settings.database_url)
    return psycopg.connect(
        settings.database_url,
        row_factory=dict_row,
        autocommit=autocommit,
        connect_timeout=seconds,
        options="-c TimeZone=UTC",  # what people are shown is UTC, wherever the server stands
        application_name="sixgate",
    )


def _require_url(url: str) -> None:
    """StackError unless `url` can be read; the driver's own message would repeat it, and its password, into logs."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        words = "is no PostgreSQL URL: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as %XX"
        raise StackError(f"SIXGATE_DATABASE_URL {words}") from None


@lru_cache
def queries(name: str) -> Any:
    """The named queries of `sql/queries/<name>.sql`."""
    return aiosql.from_path(
        ROOT / "sql" / "queries" / f"{name}.sql", "psycopg", mandatory_parameters=False
    )
