"""Ingested rows that keep the contract are kept; others go to quarantine with their first fault."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.ingestion import Ingested, ingest
from pipelines.rules.ingestion.row_checks import (
    RAW,
    check_rows,
    required,
    snapshot_schema,
    written_under,
)
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
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
        ("2026-01-01T10:00:00.1234567+00:00", "2026-01-01T10:00:00.123457"),
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
    assert check_rows(table, contract, now=datetime.now(UTC), first_row=40).good[
        "transaction_id"
    ].to_pylist() == ["row-40"]


def test_a_snapshot_holds_the_contract_that_its_rows_kept(contract: Contract) -> None:
    another = msgspec.structs.replace(contract, features=contract.features[1:], derived=())
    written = written_under(snapshot_schema(contract), another)
    assert written.hash == contract.hash
    assert not written.description


def test_a_snapshot_of_an_earlier_release_names_its_features(contract: Contract) -> None:
    schema = snapshot_schema(contract)
    raw = schema.with_metadata({RAW: schema.metadata[RAW]})
    assert written_under(raw, contract) is contract
    another = msgspec.structs.replace(contract, features=contract.features[1:], derived=())
    written = written_under(raw, another)
    assert written.raw == contract.raw
    assert [each.values for each in written.features] == [each.values for each in contract.features]


def test_a_feature_without_a_column_was_not_written(contract: Contract) -> None:
    schema = snapshot_schema(contract).remove_metadata()
    without = schema.remove(schema.get_field_index(contract.raw[0]))
    assert written_under(without, contract).raw == contract.raw[1:]


def test_rows_under_a_contract_without_times_have_that_of_1970(contract: Contract) -> None:
    timeless = msgspec.structs.replace(contract, event_time="")
    header = HEADER.replace("Salary", "salary").split(",")
    table = pa.table({name: [value] for name, value in zip(header, ROW.split(","), strict=True)})
    checked = check_rows(table.drop_columns(["event_time"]), timeless, now=datetime.now(UTC))
    assert "event_time" not in required(timeless)
    assert checked.refusals.good.all()
    assert checked.good["event_time"].to_pylist() == [datetime(1970, 1, 1, tzinfo=UTC)]
