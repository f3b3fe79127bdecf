"""Ingested rows that keep the contract are kept; others go to quarantine with their first fault."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.errors import DataError
from pipelines.ingestion import Ingested, ingest
from pipelines.rules.data.row_checks import check_rows
from pipelines.rules.use_case.contract import Contract, parse_contract
from pipelines.stores.artifacts import Artifacts
from tests.unit.pipelines.rules.use_case.test_contract import GOOD

HEADER = "transaction_id,customer_id,event_time,defaulted,Salary,employed,grade,dependents"
ROW = "t1,c1,2026-01-01 10:00:00,0,1000,1,a,2"
Write = Callable[[str, list[str]], Path]


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


@pytest.fixture
def take_in(tmp_path: Path, contract: Contract) -> Callable[[list[str]], Ingested]:
    def take_in(lines: list[str]) -> Ingested:
        file = tmp_path / "history.csv"
        file.write_text("\n".join([HEADER, *lines]) + "\n")
        return ingest(file, contract, Artifacts(tmp_path / "artifacts"))

    return take_in


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,0,much,1,a,2", "salary: not a number", id="text for a number"
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,0,inf,1,a,2", "salary: not a number", id="infinity"
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,0,-1,1,a,2",
            "salary: outside [0, 1e+06]",
            id="under the range",
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,0,,1,a,2",
            "salary: missing, and the contract does not allow it",
            id="missing",
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,0,5,maybe,a,2",
            "employed: neither true nor false",
            id="not a truth value",
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,0,5,1,z,2", "grade: not one of a, b", id="unknown category"
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,0,5,1,a,1.5",
            "dependents: not a whole number",
            id="a half for an int",
        ),
        pytest.param(
            "t2,c1,yesterday,0,5,1,a,2", "event_time: not a date and time", id="not a time"
        ),
        pytest.param(
            "t2,c1,2026-13-01 10:00:00,0,5,1,a,2",
            "event_time: not a date and time",
            id="a month that is none",
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,7,5,1,a,2",
            "defaulted: neither positive nor negative",
            id="a label that is none",
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,0",
            "the row has 4 columns, the header 8",
            id="a row that is cut off",
        ),
        pytest.param(
            "t2,c1,2026-01-01 10:00:00,,5,1,a,2", "defaulted: the label is missing", id="no label"
        ),
        pytest.param(
            "t1,c1,2026-01-01 10:00:00,1,5,1,a,2",
            "transaction_id: given twice, the first is kept",
            id="twice",
        ),
    ],
)
def test_a_row_that_breaks_the_contract_goes_to_quarantine_with_its_reason(
    take_in: Callable[[list[str]], Ingested], row: str, reason: str
) -> None:
    ingested = take_in([ROW, row])
    assert (ingested.rows, ingested.quarantined, ingested.reasons) == (1, 1, {reason: 1})
    assert ingested.quarantine is not None
    assert pq.read_table(ingested.quarantine)["reason"].to_pylist() == [reason]


def test_the_same_file_gives_the_same_snapshot(take_in: Callable[[list[str]], Ingested]) -> None:
    assert take_in([ROW]).snapshot == take_in([ROW]).snapshot
    assert take_in([ROW]).snapshot != take_in([ROW.replace("1000", "1001")]).snapshot


def test_numbers_come_out_as_numbers_and_what_is_missing_as_null(
    contract: Contract, take_in: Callable[[list[str]], Ingested], tmp_path: Path
) -> None:
    ingested = take_in(["t9,c9,2026-01-01T10:00:00.5Z,1,1000,true,b,"])
    (row,) = Artifacts(tmp_path / "artifacts").load("snapshots", ingested.snapshot).to_pylist()
    assert (row["salary"], row["employed"], row["grade"], row["label"]) == (1000.0, 1.0, 1.0, 1)
    assert row["dependents"] is None or row["dependents"] != row["dependents"]
    assert row["event_time"].isoformat() == "2026-01-01T10:00:00.500000+00:00"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-01", "2026-01-01T00:00:00"),
        ("2026-01-01 10:00", "2026-01-01T10:00:00"),
        ("2026-01-01T10:00:00.25Z", "2026-01-01T10:00:00.250000"),
        ("2026-01-01T10:00:00.1234567+00:00", "2026-01-01T10:00:00.123456"),
        ("2026-01-01 10:00:00+02:00", "2026-01-01T08:00:00"),
        ("2026-01-01T10:00:00-0530", "2026-01-01T15:30:00"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_times_are_read_with_their_zone_and_are_utc_without(
    take_in: Callable[[list[str]], Ingested],
    tmp_path: Path,
    contract: Contract,
    written: str,
    meant: str,
    delimiter: str,
) -> None:
    file = tmp_path / "history.csv"
    text = "\n".join([HEADER, f"t9,c9,{written},TRUE,1000,yes,b,", ""])
    file.write_text(text.replace(",", delimiter))
    ingested = ingest(file, contract, Artifacts(tmp_path / "artifacts"))
    (row,) = Artifacts(tmp_path / "artifacts").load("snapshots", ingested.snapshot).to_pylist()
    assert (row["event_time"].isoformat(), row["label"], row["employed"]) == (
        f"{meant}+00:00",
        1,
        1.0,
    )


def test_csv_compressed_csv_and_parquet_of_the_same_rows_give_the_same_snapshot(
    contract: Contract, tmp_path: Path
) -> None:
    # Without a zone, as in many files.
    moment = datetime(2026, 1, 1, 10, 0, 0, 123456)  # noqa: DTZ001
    table = pa.table(
        {
            "transaction_id": [1],
            "customer_id": [7],
            "event_time": [moment],
            "defaulted": [1],
            "Salary": [5.0],
            "employed": [0],
            "grade": ["a"],
            "dependents": [1],
        }
    )
    pq.write_table(table, tmp_path / "history.parquet")
    for ending, compression in (("csv", None), ("csv.gz", "gzip")):
        with pa.output_stream(str(tmp_path / f"history.{ending}"), compression=compression) as out:
            pyarrow.csv.write_csv(table, out)
    store = Artifacts(tmp_path / "artifacts")
    snapshots = {
        ingest(tmp_path / f"history.{e}", contract, store).snapshot
        for e in ("csv", "csv.gz", "parquet")
    }
    assert len(snapshots) == 1
    (row,) = store.load("snapshots", snapshots.pop()).to_pylist()
    assert (row["transaction_id"], row["salary"], row["employed"], row["label"]) == (
        "1",
        5.0,
        0.0,
        1,
    )
    assert row["event_time"] == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("absent.csv", None, "does not exist", id="no such file"),
        pytest.param("history.csv", "", "is empty", id="an empty file"),
        pytest.param(
            "history.csv.gz", "no gzip", "is not a valid gzip-compressed CSV file", id="not gzip"
        ),
        pytest.param(
            "history.parquet", "no parquet", "is not a valid Parquet file", id="not parquet"
        ),
        pytest.param(
            "history.xlsx", "", r"'\.xlsx' is not a supported format", id="another format"
        ),
        pytest.param(
            "history.csv", "a,b\n1,2\n", "no column for event_time, defaulted", id="columns missing"
        ),
        pytest.param(
            "history.csv",
            f"{HEADER}\nt,c,no,0,5,1,a,2\n",
            "no row conforms to the contract: 1 × event_time",
            id="nothing good",
        ),
        pytest.param(
            "history.csv",
            f"{HEADER}\n",
            "no row conforms to the contract: it has no rows",
            id="a header only",
        ),
        pytest.param(
            "history.csv", f"{HEADER},grade\n", "the header has grade twice", id="a column twice"
        ),
    ],
)
def test_a_file_that_can_not_be_taken_in_says_why(
    contract: Contract, tmp_path: Path, name: str, text: str | None, words: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=words):
        ingest(tmp_path / name, contract, Artifacts(tmp_path / "artifacts"))
    assert not list((tmp_path / "artifacts").rglob("*.writing"))


def test_rows_without_an_id_are_named_by_their_place(contract: Contract) -> None:
    table = pa.table(
        {
            "event_time": ["2026-01-01 10:00:00"],
            "defaulted": [0],
            "salary": [5.0],
            "employed": [1],
            "grade": ["a"],
            "dependents": [1],
        }
    )
    assert check_rows(table, contract, first_row=40).good["transaction_id"].to_pylist() == [
        "row-40"
    ]
