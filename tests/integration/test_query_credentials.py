"""Queries on PostgreSQL as a user whose name and password have characters that URLs escape."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pipelines.ingestion.sources.query_source import open_query
from pipelines.ingestion.sources.watermark_query import open_watermark_query
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

USER = "query reader"
PASSWORD = "s3 cret+/%'\\é"


@pytest.fixture
def connection(database_url: str) -> str:
    """The URL of the database with such a user."""
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(USER), sql.Literal(PASSWORD)
            )
        )
    parts = conninfo_to_dict(database_url)
    user = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"
    options = quote("-c statement_timeout=71s", safe="")
    return f"postgres://{user}@{parts['host']}:{parts['port']}/{parts['dbname']}?options={options}"


def test_both_kinds_of_queries_read_as_that_user(connection: str) -> None:
    contract = read_contract(ROOT / "reference" / "fraud")
    features = ", ".join(f"0 AS {name}" for name in contract.raw)
    query = (
        "SELECT current_user::text AS customer_id, 1 AS is_fraud, now() AS event_time,"
        f" current_setting('statement_timeout') AS transaction_id, {features}"
    )
    now = datetime.now(UTC)
    whole = open_query(query, connection, contract)
    changed = open_watermark_query(
        f"{query} WHERE now() > :watermark",
        connection,
        contract,
        watermark="event_time",
        since=datetime(2026, 1, 1, tzinfo=UTC),
        now=now,
    )
    for source in (whole, changed):
        (part,) = source.parts()
        values = part.read().values.to_pylist()[0]
        assert (values["customer_id"], values["transaction_id"]) == (USER, "71s")
