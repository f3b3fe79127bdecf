"""Files of labelled history become snapshots; rows that break the contract go to quarantine."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.ingestion import Ingested, ingest, repeated_ids
from pipelines.ingestion.sources import arrow_sources
from pipelines.rules.ingestion.refusals import REPEATED
from pipelines.rules.ingestion.row_checks import QUARANTINED
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.stores.artifacts import Artifacts
from tests.unit.pipelines.rules.use_case.test_contract import GOOD

HEADER = "transaction_id,customer_id,event_time,defaulted,Salary,employed,grade,dependents"
ROW = "t1,c1,2026-01-01 10:00:00,0,1000,1,a,2"
TakeIn = Callable[[list[str]], Ingested]


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


@pytest.fixture
def take_in(tmp_path: Path, contract: Contract, artifacts: Artifacts) -> TakeIn:
    """Ingest a CSV file with these lines under the header."""

    def take_in(lines: list[str]) -> Ingested:
        file = tmp_path / "history.csv"
        file.write_text("\n".join([HEADER, *lines]) + "\n")
        return ingest(file, contract, artifacts)

    return take_in


def test_the_same_file_gives_the_same_snapshot(take_in: TakeIn) -> None:
    assert take_in([ROW]).snapshot == take_in([ROW]).snapshot
    assert take_in([ROW]).snapshot != take_in([ROW.replace("1000", "1001")]).snapshot


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
            "history.docx", "", r"'\.docx' is not a supported format", id="another format"
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
        pytest.param(
            "history.csv",
            f"{HEADER},salary\n{ROW},1000\n",
            r"history.csv: the columns 'Salary' and 'salary' are both 'salary' of the contract",
            id="a feature's name and its source name",
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


def test_a_row_with_too_many_or_too_few_columns_is_kept_as_its_line(take_in: TakeIn) -> None:
    ingested = take_in([ROW, f"{ROW},3", "t2,c1"])
    assert (ingested.rows, ingested.quarantined) == (1, 2)
    assert ingested.quarantine is not None
    refused = pq.read_table(ingested.quarantine)
    assert refused["line"].to_pylist() == [f"{ROW},3", "t2,c1"]
    assert refused["reason"].to_pylist() == [
        "the row has 9 columns, the header 8",
        "the row has 2 columns, the header 8",
    ]


def test_a_refused_row_keeps_its_original_values(take_in: TakeIn) -> None:
    ingested = take_in([ROW, ROW.replace("t1", "t2").replace("1000", "much")])
    assert ingested.quarantine is not None
    (refused,) = pq.read_table(ingested.quarantine).to_pylist()
    assert (refused["transaction_id"], refused["salary"]) == ("t2", "much")
    assert refused["line"] is None


def test_an_id_is_taken_once_whichever_batch_repeats_it(
    contract: Contract, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_sources, "BATCH_ROWS", 2)
    columns = HEADER.split(",")
    rows = [ROW.replace("t1", name).split(",") for name in ("t1", "t2", "t3", "t1", "t2")]
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(columns)})
    pq.write_table(table, tmp_path / "history.parquet")
    totals: list[int] = []
    ingested = ingest(tmp_path / "history.parquet", contract, artifacts, progress=totals.append)
    assert (ingested.rows, ingested.reasons) == (3, {f"transaction_id: {REPEATED}": 2})
    assert totals == [2, 4, 5]
    stored = artifacts.load("snapshots", ingested.snapshot)
    assert stored["transaction_id"].to_pylist() == ["t1", "t2", "t3"]


def test_a_row_that_only_seems_repeated_is_kept(
    take_in: TakeIn, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same(ids: pa.StringArray) -> NDArray[np.uint64]:
        return np.full(len(ids), 7, np.uint64)

    monkeypatch.setattr(repeated_ids, "hash_ids", same)
    rows = [ROW.replace("t1", name) for name in ("t1", "t2", "t1", "t3", "t2")]
    ingested = take_in(rows)
    assert (ingested.rows, ingested.quarantined) == (3, 2)
    stored = artifacts.load("snapshots", ingested.snapshot)
    assert sorted(stored["transaction_id"].to_pylist()) == ["t1", "t2", "t3"]
    (refusal,) = ingested.refusals
    assert [(sample.number, sample.value) for sample in refusal.samples] == [(4, "t1"), (6, "t2")]
    refused = pq.read_table(ingested.quarantine)
    assert refused["salary"].to_pylist() == ["1000", "1000"]


def test_the_snapshot_notes_how_many_rows_of_its_file_were_refused(
    take_in: TakeIn, artifacts: Artifacts
) -> None:
    ingested = take_in([ROW, "t2,c1"])
    assert artifacts.notes("snapshots", ingested.snapshot)[QUARANTINED] == "1"


def test_a_file_without_one_good_row_leaves_its_quarantine_only(
    take_in: TakeIn, artifacts: Artifacts
) -> None:
    with pytest.raises(DataError, match=r"2 × the row has 2 columns, the header 8"):
        take_in(["t1,c1", "t2,c1"])
    (left,) = (file for file in artifacts.root.rglob("*") if file.is_file())
    assert pq.read_table(left)["line"].to_pylist() == ["t1,c1", "t2,c1"]


def test_a_file_with_blanks_in_its_header_and_columns_without_a_name_is_taken(
    contract: Contract, artifacts: Artifacts, tmp_path: Path
) -> None:
    file = tmp_path / "history.csv"
    header = HEADER.replace(",", " , ")
    file.write_text(f"\ufeff{header},,\n{ROW},x,y\n")
    assert ingest(file, contract, artifacts).rows == 1
