"""A query for what changed, on a database other than PostgreSQL, here SQLite."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from pipelines.errors import DataError, SourceUnavailable
from pipelines.ingestion.sources.watermark_query import EPOCH, WatermarkQuery, open_watermark_query
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from tests.unit.pipelines.rules.use_case.test_contract import GOOD

NOW = datetime(2026, 6, 1, tzinfo=UTC)
QUERY = (
    "SELECT id AS transaction_id, customer_id, at AS event_time, y AS defaulted, Salary, employed, grade, d AS dependents,"
    " changed, strftime('%H:%M', at) AS unused FROM loans WHERE changed > :watermark;"
)  # fmt: skip


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


@pytest.fixture
def url(tmp_path: Path) -> str:
    file = tmp_path / "loans.db"
    connection = sqlite3.connect(file)
    connection.execute(
        "CREATE TABLE loans (id, customer_id, at, y, Salary, employed, grade, d, changed)"
    )
    rows = [
        (n, "c", "2026-01-01 10:00:00", n % 2, 5.5, n % 2, "a", None, f"2026-05-01 10:00:0{n}")
        for n in range(5)
    ]
    connection.executemany("INSERT INTO loans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{file}"


def opened(
    url: str, contract: Contract, since: datetime = EPOCH, query: str = QUERY
) -> WatermarkQuery:
    return open_watermark_query(query, url, contract, watermark="changed", since=since, now=NOW)


def ids(source: WatermarkQuery) -> list[int]:
    tables = [part.table for part in source.parts()]
    return pa.concat_tables(tables)["transaction_id"].to_pylist() if tables else []


def test_the_time_is_bound_and_the_newest_change_is_remembered(
    url: str, contract: Contract
) -> None:
    everything = opened(url, contract)
    assert ids(everything) == [0, 1, 2, 3, 4]
    assert everything.newest == datetime(2026, 5, 1, 10, 0, 4, tzinfo=UTC)
    later = opened(url, contract, since=datetime(2026, 5, 1, 10, 0, 2, tzinfo=UTC))
    assert ids(later) == [3, 4]
    nothing = opened(url, contract, since=datetime(2026, 5, 2, tzinfo=UTC))
    assert (ids(nothing), nothing.newest) == ([], None)


def test_a_query_that_fails_names_the_columns_that_it_must_return(
    url: str, contract: Contract
) -> None:
    with pytest.raises(
        DataError,
        match=r"failed: no such column: wages; the columns that it must return are transaction_id, ",
    ):
        ids(opened(url, contract, query=QUERY.replace("Salary", "wages")))
    with pytest.raises(DataError, match=r"failed: no such table: nowhere$"):
        ids(opened(url, contract, query="SELECT * FROM nowhere WHERE x > :watermark"))


def test_a_database_that_does_not_answer_may_be_tried_again(
    contract: Contract, tmp_path: Path
) -> None:
    with pytest.raises(SourceUnavailable, match="can't be read: unable to open database file"):
        ids(opened(f"sqlite:///{tmp_path}/none/loans.db", contract))
