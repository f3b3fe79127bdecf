"""The same rows are the same snapshot, whatever the format of the file."""

import gzip
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.errors import DataError
from pipelines.ingestion import ingest
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.stores.artifacts import Artifacts
from tests.unit.pipelines.rules.use_case.test_contract import GOOD
from tests.workbook import write_workbook

NAMES = [
    "transaction_id",
    "customer_id",
    "event_time",
    "defaulted",
    "Salary",
    "employed",
    "grade",
    "dependents",
]
ROWS: list[list[Any]] = [
    ["t1", "c1", "2026-01-31 10:00:00", 0, 1234.5, True, "a", 2],
    ["t2", "ü2", "2026-02-01 00:00:00", 1, 5, False, "b", None],
]


def text(delimiter: str = ",", names: list[str] = NAMES, rows: list[list[Any]] = ROWS) -> str:
    lines = [names, *rows] if names else rows
    cells = [["" if cell is None else str(cell) for cell in line] for line in lines]
    return "\n".join(delimiter.join(line) for line in cells) + "\n"


def with_moments() -> list[list[Any]]:
    return [[*row[:2], datetime.fromisoformat(row[2]), *row[3:]] for row in ROWS]


def table() -> pa.Table:
    columns = zip(*with_moments(), strict=True)
    return pa.table(dict(zip(NAMES, map(list, columns), strict=True)))


def write_compressed(file: Path, content: str, codec: str) -> None:
    with pa.output_stream(str(file), compression=codec) as out:
        out.write(content.encode())


def write_stream(file: Path) -> None:
    with pa.ipc.new_stream(str(file), table().schema) as out:
        out.write_table(table())


FILES: dict[str, Callable[[Path], object]] = {
    "rows.csv": lambda file: file.write_text(text()),
    "semicolons.csv": lambda file: file.write_text(text(";")),
    "tabs.tsv": lambda file: file.write_text(text("\t")),
    "bars.txt": lambda file: file.write_text(text("|")),
    "carets.csv": lambda file: file.write_text(text("^")),
    "blanks around names.csv": lambda file: file.write_text(text(";", [f" {n} " for n in NAMES])),
    "byte order mark.csv": lambda file: file.write_text(text(), encoding="utf-8-sig"),
    "utf-16.csv": lambda file: file.write_text(text(), encoding="utf-16"),
    "lines of Windows.csv": lambda file: file.write_text(text(), newline="\r\n"),
    "lines of old Macs.csv": lambda file: file.write_text(text(), newline="\r"),
    "blank lines.csv": lambda file: file.write_text("\n" + text().replace("\n", "\n\n")),
    "CAPITALS.CSV": lambda file: file.write_text(text()),
    "rows.csv.gz": lambda file: write_compressed(file, text(), "gzip"),
    "two members.csv.gz": lambda file: file.write_bytes(
        gzip.compress(text(rows=ROWS[:1]).encode())
        + gzip.compress(text(names=[], rows=ROWS[1:]).encode())
    ),
    "rows.tsv.zst": lambda file: write_compressed(file, text("\t"), "zstd"),
    "rows.parquet": lambda file: pq.write_table(table(), file),
    "rows.feather": lambda file: pa.feather.write_feather(table(), file),
    "uncompressed.feather": lambda file: pa.feather.write_feather(
        table(), file, compression="uncompressed"
    ),
    "stream.arrow": write_stream,
    "rows.xlsx": lambda file: write_workbook(file, [NAMES, *with_moments()]),
}


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


@pytest.fixture
def store(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


def snapshot_rows(
    file: Path, contract: Contract, store: Artifacts, csv: CsvFormat | None = None
) -> list[dict[str, Any]]:
    ingested = ingest(file, contract, store, csv=csv)
    assert ingested.quarantined == 0, ingested.reasons
    rows = store.load("snapshots", ingested.snapshot).to_pylist()
    return [
        {name: None if value != value else value for name, value in row.items()} for row in rows
    ]


@pytest.mark.parametrize("name", FILES)
def test_each_format_gives_the_same_rows(
    name: str, contract: Contract, store: Artifacts, tmp_path: Path
) -> None:
    (tmp_path / "plain.csv").write_text(text())
    FILES[name](tmp_path / name)
    expected = snapshot_rows(tmp_path / "plain.csv", contract, store)
    assert snapshot_rows(tmp_path / name, contract, store) == expected
    assert [row["entity_key"] for row in expected] == ["c1", "ü2"]
    assert [row["salary"] for row in expected] == [1234.5, 5.0]


@pytest.mark.parametrize(
    ("name", "csv", "content"),
    [
        pytest.param(
            "a.csv", CsvFormat(decimal=","), text(";").replace("1234.5", "1234,5"), id="decimal"
        ),
        pytest.param(
            "a.csv",
            CsvFormat(decimal=","),
            text(",").replace("1234.5", '"1234,5"'),
            id="a decimal comma in quotes, between commas",
        ),
        pytest.param(
            "a.csv",
            CsvFormat(decimal=",", thousands="."),
            text(";").replace("1234.5", "1.234,5"),
            id="thousands",
        ),
        pytest.param(
            "a.csv",
            CsvFormat(date_format="%d/%m/%Y %H:%M"),
            text().replace("2026-01-31 10:00:00", "31/01/2026 10:00").replace(
                "2026-02-01 00:00:00", "01/02/2026 00:00"
            ),
            id="date format",
        ),
        pytest.param("a.csv", CsvFormat(header=tuple(NAMES)), text(names=[]), id="no header"),
        pytest.param(
            "a.csv", CsvFormat(header=tuple(NAMES)), text(";", names=[]), id="no header, semicolons"
        ),
        pytest.param("a.csv", CsvFormat(delimiter="\\t"), text("\t"), id="delimiter"),
    ],
)  # fmt: skip
def test_a_setting_says_how_a_file_is_written(
    name: str, csv: CsvFormat, content: str, contract: Contract, store: Artifacts, tmp_path: Path
) -> None:
    (tmp_path / "plain.csv").write_text(text())
    (tmp_path / name).write_text(content)
    expected = snapshot_rows(tmp_path / "plain.csv", contract, store)
    assert snapshot_rows(tmp_path / name, contract, store, csv) == expected


def test_the_encoding_is_named_and_a_file_of_another_one_is_refused(
    contract: Contract, store: Artifacts, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text(), encoding="cp1252")
    with pytest.raises(DataError, match=r"line 3 is not UTF-8: name the file's encoding"):
        ingest(file, contract, store)
    rows = snapshot_rows(file, contract, store, CsvFormat(encoding="cp1252"))
    assert rows[1]["entity_key"] == "ü2"


@pytest.mark.parametrize(
    ("csv", "written", "reason"),
    [
        pytest.param(CsvFormat(), "12,5", "the row has 9 columns", id="a decimal comma"),
        pytest.param(CsvFormat(), '"12,5"', "salary: not a number", id="a quoted decimal comma"),
        pytest.param(CsvFormat(), '"1,234"', "salary: not a number", id="a comma of some kind"),
        pytest.param(
            CsvFormat(decimal=","), "12,5", "the row has 9 columns", id="decimal is the delimiter"
        ),
        pytest.param(
            CsvFormat(decimal=","), "12.5", "salary: not a number", id="a point for a comma"
        ),
        pytest.param(
            CsvFormat(decimal=",", thousands="."), "1.5", "salary: not a number", id="groups of one"
        ),
        pytest.param(
            CsvFormat(thousands=","), '"12,5"', "salary: not a number", id="a decimal as thousands"
        ),
        pytest.param(
            CsvFormat(thousands=","), '"12,34,567"', "salary: not a number", id="groups of two"
        ),
    ],
)
def test_a_number_that_is_written_otherwise_is_refused(
    csv: CsvFormat, written: str, reason: str, contract: Contract, store: Artifacts, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text().replace("1234.5", written))
    ingested = ingest(file, contract, store, csv=csv)
    assert (ingested.rows, ingested.quarantined) == (1, 1)
    assert ingested.refusals[0].text.startswith(reason)
    assert ingested.refusals[0].samples[0].number == 2


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("30/02/2026", id="a day that does not exist"),
        pytest.param("02/13/2026", id="month and day in another order"),
        pytest.param("2026-02-01", id="another format"),
    ],
)
def test_a_time_of_another_format_is_refused(
    written: str, contract: Contract, store: Artifacts, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    content = text().replace("2026-01-31 10:00:00", written)
    file.write_text(content.replace("2026-02-01 00:00:00", "1/2/2026"))
    ingested = ingest(file, contract, store, csv=CsvFormat(date_format="%d/%m/%Y"))
    assert ingested.reasons == {"event_time: not a date and time": 1}
    (row,) = store.load("snapshots", ingested.snapshot).to_pylist()
    assert row["event_time"].isoformat() == "2026-02-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("csv", "content", "message"),
    [
        pytest.param(CsvFormat(header=tuple(NAMES)), text(), "has a header line", id="header"),
        pytest.param(
            CsvFormat(header=tuple(NAMES[:4])), text(), "has 8 columns, and `csv.header` has 4",
            id="another number of columns",
        ),
        pytest.param(CsvFormat(delimiter=";"), text(), "no column for", id="another delimiter"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_the_file_are_named(
    csv: CsvFormat, content: str, message: str, contract: Contract, store: Artifacts, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        ingest(tmp_path / "a.csv", contract, store, csv=csv)


@pytest.mark.parametrize("codec", ["gz", "zst"])
def test_a_truncated_file_is_not_imported(
    codec: str, contract: Contract, store: Artifacts, tmp_path: Path
) -> None:
    file = tmp_path / f"a.csv.{codec}"
    write_compressed(file, text(rows=ROWS * 20_000), {"gz": "gzip", "zst": "zstd"}[codec])
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(DataError, match="is not a valid"):
        ingest(file, contract, store)
    assert not list((tmp_path / "artifacts").rglob("*.parquet"))


def test_cells_of_excel_are_read_by_their_type(
    contract: Contract, store: Artifacts, tmp_path: Path
) -> None:
    moment = datetime(2026, 1, 31)  # noqa: DTZ001
    rows = [
        NAMES,
        [7, "c", moment, 0, "1000", 1, "a", 2],
        [],
        [8, "c", moment, 1, "much", "yes", "a", None],
        [9.5, "c", moment, 1, 5, True, "b", None],
        [9, 12345678901234567, moment, 1, 5, True, "b", None],
    ]
    write_workbook(tmp_path / "a.xlsx", rows)
    ingested = ingest(tmp_path / "a.xlsx", contract, store)
    assert ingested.unit == "row"
    by_text = {refusal.text: refusal.samples[0] for refusal in ingested.refusals}
    assert by_text["salary: not a number"].number == 4
    assert by_text["salary: not a number"].value == "much"
    ids = {text.partition(":")[0]: sample.number for text, sample in by_text.items()}
    assert (ids["transaction_id"], ids["customer_id"]) == (5, 6)
    (row,) = store.load("snapshots", ingested.snapshot).to_pylist()
    assert (row["transaction_id"], row["salary"], row["employed"]) == ("7", 1000.0, 1.0)
