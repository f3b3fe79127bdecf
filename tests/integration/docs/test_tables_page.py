"""The page of the tables is that of the migrated schema, and every column has a comment."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import DictRow

from docs.generator.pages import REFERENCE
from docs.generator.schema import migrated_database
from docs.generator.tables_page import tables_page


@pytest.fixture(scope="module")
def database() -> Iterator[psycopg.Connection[DictRow]]:
    """A migrated database with the roles, which nothing else uses."""
    with migrated_database() as connection:
        yield connection


def test_the_page_is_up_to_date(database: psycopg.Connection[DictRow]) -> None:
    stored = (REFERENCE / "tables.md").read_text()
    assert stored == tables_page(database), "docs/reference/tables.md is stale: run `make docs`"


def test_the_page_lists_the_rights_of_a_role(database: psycopg.Connection[DictRow]) -> None:
    alerts = tables_page(database).split("## `monitoring_alerts`")[1].split("\n## ")[0]
    assert "- `sixgate_server`: SELECT, INSERT (`use_case`, `cause`," in alerts
    assert "- `sixgate_steps`: SELECT, INSERT, UPDATE, DELETE" in alerts


def test_a_column_without_a_comment_is_named(database: psycopg.Connection[DictRow]) -> None:
    database.execute("ALTER TABLE contracts ADD COLUMN novel integer")
    try:
        with pytest.raises(LookupError, match=r"column contracts\.novel has no comment: add one"):
            tables_page(database)
    finally:
        database.execute("ALTER TABLE contracts DROP COLUMN novel")
