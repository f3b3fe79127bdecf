"""A query on a database other than PostgreSQL, here SQLite."""

import sqlite3
from pathlib import Path

import pytest
import yaml

from pipelines.errors import DataError, ParameterError
from pipelines.ingestion import ingest_from
from pipelines.ingestion.sources import query_source
from pipelines.ingestion.sources.query_source import (
    database_url,
    open_query,
    postgresql_settings,
    without_password,
)
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.stores.artifacts import Artifacts
from tests.unit.pipelines.rules.use_case.test_contract import GOOD


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


@pytest.fixture
def url(tmp_path: Path) -> str:
    file = tmp_path / "loans.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE loans (id, customer_id, at, y, Salary, employed, grade, d)")
    rows = [(n, "c", f"2026-01-01 10:00:0{n}", n % 2, 5.5, n % 2, "a", None) for n in range(5)]
    connection.executemany("INSERT INTO loans VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{file}"


def test_rows_are_read_in_batches(
    url: str, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_source, "BATCH_ROWS", 2)
    query = (
        "SELECT id AS transaction_id, customer_id, at AS event_time, y AS defaulted, Salary, "
        "employed, grade, d AS dependents FROM loans WHERE at > '2026-01-01 10:00:00'"
    )
    totals: list[int] = []
    ingested = ingest_from(
        open_query(query, url, contract), contract, Artifacts(tmp_path), progress=totals.append
    )
    assert (ingested.rows, totals) == (4, [2, 4])


def test_a_query_that_fails_says_why(url: str, contract: Contract, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the query on sqlite:.* failed: .*nothing"):
        ingest_from(
            open_query("SELECT * FROM nothing", url, contract), contract, Artifacts(tmp_path)
        )


@pytest.mark.parametrize("connection", ["", "://"])
def test_a_connection_that_is_none_is_refused(connection: str, contract: Contract) -> None:
    with pytest.raises(ParameterError, match="--connection"):
        open_query("SELECT 1", connection, contract)


def test_libpq_gets_what_a_url_says_also_with_spaces() -> None:
    url = database_url("postgres://an%20n:s3%20cret%2F%25@db:5433/y%20z?options=-c%20a%3D1")
    assert postgresql_settings(url) == {
        "host": "db",
        "port": 5433,
        "dbname": "y z",
        "user": "an n",
        "password": "s3 cret/%",
        "options": "-c a=1",
    }


@pytest.mark.parametrize("spelling", ["s3 cret/%", "s3%20cret%2F%25", "s3 cret%2F%25"])
def test_no_spelling_of_a_password_is_in_a_message(spelling: str) -> None:
    url = database_url("postgres://ann:s3%20cret%2F%25@db/loans")
    assert without_password(f"no to {spelling}.", url) == "no to ***."
