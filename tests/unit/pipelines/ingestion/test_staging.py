"""Rows are staged in a file; too many refused ones leave no rows to store."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.errors import DataError
from pipelines.ingestion import TooManyRefused
from pipelines.ingestion.sources.formats import open_file
from pipelines.ingestion.staging import Staged, stage
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.stores.artifacts import Artifacts
from tests.unit.pipelines.rules.use_case.test_contract import GOOD

HEADER = "transaction_id,customer_id,event_time,defaulted,Salary,employed,grade,dependents"
ROW = "t{n},c1,2026-01-01 10:00:00,0,{salary},1,a,2"


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


def staged(
    folder: Path, contract: Contract, lines: list[str], *, header: str = HEADER, unique: bool = True
) -> Staged:
    file = folder / "loans.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    source = open_file(file, contract, contract.csv)
    artifacts = Artifacts(folder / "artifacts")
    return stage(source, contract, artifacts, folder, share=0.01, unique=unique)


def rows(n: int, *, wrong: int = 0) -> list[str]:
    return [ROW.format(n=number, salary=1000 if number >= wrong else "much") for number in range(n)]


def test_rows_that_conform_come_back_in_tables_of_a_size(
    tmp_path: Path, contract: Contract
) -> None:
    result = staged(tmp_path, contract, rows(250, wrong=1))
    assert (result.read, result.ingested.rows, result.ingested.quarantined) == (250, 249, 1)
    tables = list(result.tables(100))
    assert [len(table) for table in tables] == [100, 100, 49]
    assert pa.concat_tables(tables)["transaction_id"].to_pylist() == [
        f"t{n}" for n in range(1, 250)
    ]


def test_too_many_refused_rows_are_in_quarantine_and_the_message_says_where(
    tmp_path: Path, contract: Contract
) -> None:
    with pytest.raises(TooManyRefused) as raised:
        staged(tmp_path, contract, rows(100, wrong=10))
    assert "10 of 100 rows were refused, 10.0%" in str(raised.value)
    assert "10 rows: salary: not a number" in str(raised.value)
    (quarantine,) = (tmp_path / "artifacts" / "quarantine").glob("*.parquet")
    assert f"quarantine/{quarantine.name}" in str(raised.value)
    assert len(pq.read_table(quarantine)) == 10


def test_no_rows_are_no_fault(tmp_path: Path, contract: Contract) -> None:
    result = staged(tmp_path, contract, [])
    assert (result.read, list(result.tables(10))) == (0, [])


def test_repeated_ids_are_refused_or_kept(tmp_path: Path, contract: Contract) -> None:
    lines = [*rows(300), ROW.format(n=7, salary=1)]
    assert staged(tmp_path, contract, lines).ingested.rows == 300
    assert staged(tmp_path, contract, lines, unique=False).ingested.rows == 301


def test_a_source_without_ids_is_refused(tmp_path: Path, contract: Contract) -> None:
    header = HEADER.replace("transaction_id", "number")
    with pytest.raises(DataError, match=r"loans\.csv: no column for transaction_id: rows that are"):
        staged(tmp_path, contract, rows(3), header=header)
