"""Rows of CSV files: their values, all columns, and their text."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.batch_scoring.files import csv_files
from pipelines.batch_scoring.files.csv_files import CsvRows
from pipelines.rules.use_case.csv_format import CsvFormat
from tests.unit.pipelines.batch_scoring.made_rows import row, write
from tests.unit.serving.made import FRAUD

ROWS = [row(number, note=note) for number, note in enumerate(["a", 'say "b"', "c\nd", ""] * 30)]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CsvRows:
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 3000)
    return CsvRows(write(tmp_path / "a.csv", ROWS), FRAUD, CsvFormat())


def test_the_columns_are_those_of_the_header(rows: CsvRows) -> None:
    assert rows.schema.names == list(ROWS[0])
    assert (rows.kind, rows.unit, rows.delimiter, rows.newline) == ("CSV file", "line", ",", "\n")


def test_the_texts_of_all_parts_are_the_lines_of_the_file(rows: CsvRows) -> None:
    parts = list(rows.parts())
    assert len(parts) > 3
    texts = [text for part in parts for text in part.lines().to_pylist()]
    assert len(texts) == len(ROWS)
    assert "\n".join(texts) == Path(rows.name).read_text().split("\n", 1)[1].removesuffix("\n")


def test_everything_has_all_columns_as_text(rows: CsvRows) -> None:
    tables = [part.everything() for part in rows.parts()]
    assert all(table.schema.equals(rows.schema) for table in tables)
    notes = [note for table in tables for note in table["note"].to_pylist()]
    assert notes == [row["note"] for row in ROWS]


def test_taken_rows_have_the_columns_of_the_contract_and_their_lines(rows: CsvRows) -> None:
    part = next(rows.parts())
    table, numbers = part.take(np.array([0, 3]))
    assert "note" not in table.column_names
    assert table["transaction_id"].to_pylist() == ["t0", "t3"]
    assert numbers == [2, 6]  # the third row has two lines


def test_a_time_in_another_format_stays_unreadable(tmp_path: Path) -> None:
    times = ["31/01/2026 10:00", "", "2026-01-31 10:00"]
    file = write(tmp_path / "a.csv", [row(0, event_time=time) for time in times])
    rows = CsvRows(file, FRAUD, CsvFormat(date_format="%d/%m/%Y %H:%M"))
    values = next(rows.parts()).read().values["event_time"].to_pylist()
    assert values[0].startswith("2026-01-31 10:00:00")
    assert values[1] == ""
    assert values[2] == "not a time here: 2026-01-31 10:00"


def test_names_that_repeat_outside_of_the_contract_stay(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(0)])
    header, line = file.read_text().splitlines()
    file.write_text(f'{header},"x","x"\n{line},1,2\n')
    rows = CsvRows(file, FRAUD, CsvFormat())
    table = next(rows.parts()).everything()
    assert table.column_names[-2:] == ["x", "x"]
    assert [table.column(place).to_pylist() for place in (-2, -1)] == [["1"], ["2"]]
