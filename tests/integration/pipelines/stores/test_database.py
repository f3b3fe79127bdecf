"""Connections to a real database."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from pipelines.errors import StackError
from pipelines.settings import ROOT, Settings
from pipelines.stores.database import connect, queries


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=database_url)


def test_rows_are_dicts_and_times_are_in_utc(settings: Settings) -> None:
    with connect(settings) as connection:
        row = connection.execute("SELECT now() AS now, '2026-01-05'::timestamptz AS day").fetchone()
    assert row is not None
    assert row["now"].utcoffset().total_seconds() == 0
    assert row["day"] == datetime(2026, 1, 5, tzinfo=UTC)


def fail_after_a_change(settings: Settings) -> None:
    with connect(settings) as connection:
        connection.execute("CREATE TABLE undone (n int)")
        connection.execute("SELECT 1 / 0")


def test_a_block_is_kept_at_its_end_and_undone_by_an_error(settings: Settings) -> None:
    with connect(settings) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    with pytest.raises(psycopg.errors.DivisionByZero):
        fail_after_a_change(settings)
    with connect(settings) as connection:
        row = connection.execute("SELECT to_regclass('kept') AS a, to_regclass('undone') AS b")
        assert row.fetchone() == {"a": "kept", "b": None}


def test_an_invalid_url_is_named_without_its_password() -> None:
    settings = Settings(database_url="postgresql://sixgate:open%sesame@host/database")
    with pytest.raises(StackError, match="SIXGATE_DATABASE_URL is not a PostgreSQL URL") as caught:
        connect(settings)
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("file", sorted((ROOT / "sql" / "queries").glob("*.sql")), ids=str)
def test_every_file_of_queries_can_be_read(file: Path) -> None:
    assert queries(file.stem).available_queries
