"""Rows of Parquet and Arrow files."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.batch_scoring.files import table_files
from pipelines.batch_scoring.files.table_files import ArrowRows, ParquetRows
from tests.unit.pipelines.batch_scoring.made_rows import row, write
from tests.unit.serving.made import FRAUD

ROWS = [row(number) for number in range(50)]


@pytest.fixture(params=["a.parquet", "a.arrow"])
def rows(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ParquetRows | ArrowRows:
    monkeypatch.setattr(table_files, "BATCH_ROWS", 20)
    file = write(tmp_path / request.param, ROWS)
    return ParquetRows(file, FRAUD) if request.param == "a.parquet" else ArrowRows(file, FRAUD)


def test_a_part_has_a_bounded_number_of_rows(rows: ParquetRows) -> None:
    assert [len(part.everything()) for part in rows.parts()] == [20, 20, 10]


def test_everything_comes_back_in_order(rows: ParquetRows) -> None:
    table = pa.concat_tables([part.everything() for part in rows.parts()])
    assert table.schema.equals(rows.schema)
    assert table.to_pylist() == ROWS


def test_values_have_the_columns_of_the_contract_only(rows: ParquetRows) -> None:
    part = next(rows.parts())
    assert part.typed() is None
    assert part.lines() is None
    names = part.read().values.column_names
    assert "note" not in names
    assert set(FRAUD.raw) <= set(names)


def test_taken_rows_have_the_numbers_of_the_file(rows: ParquetRows) -> None:
    part = list(rows.parts())[1]
    table, numbers = part.take(np.array([0, 19]))
    assert table["transaction_id"].to_pylist() == ["t20", "t39"]
    assert numbers == [21, 40]


def test_a_stream_without_a_footer_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.arrow"
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    parts = list(ArrowRows(file, FRAUD).parts())
    assert sum(len(part.everything()) for part in parts) == 50
