"""A sample of all columns."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from pipelines.ingestion import sampling
from pipelines.ingestion.sampling import draw, reading_all, repeated_rows
from pipelines.ingestion.sources.source import TablePart


class Tables:
    """A source of tables that are in memory."""

    name = "tables"
    kind = "table"
    unit = "row"

    def __init__(self, *tables: pa.Table) -> None:
        self._tables = tables

    def columns(self) -> list[str]:
        return list(self._tables[0].column_names)

    def parts(self) -> Iterator[TablePart]:
        for table in self._tables:
            yield TablePart(table, 1)


def numbers(begin: int, end: int) -> pa.Table:
    return pa.table({"n": np.arange(begin, end)})


def test_few_rows_are_all_in_the_sample_in_their_order() -> None:
    sample = draw(Tables(numbers(0, 700), numbers(700, 1500)), 1)
    assert (sample.rows, sample.table["n"].to_pylist()) == (1500, list(range(1500)))


def test_of_many_rows_each_has_the_same_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST_ROWS", 1000)
    parts = [numbers(begin, begin + 5000) for begin in range(0, 100_000, 5000)]
    sample = draw(Tables(*parts), 1)
    drawn = np.asarray(sample.table["n"])
    assert (sample.rows, len(drawn)) == (100_000, 1000)
    assert (np.diff(drawn) > 0).all(), "in order, and none twice"
    tenths, _ = np.histogram(drawn, 10, (0, 100_000))
    assert tenths.min() > 60 and tenths.max() < 140


def test_many_columns_make_a_smaller_sample() -> None:
    sample = draw(Tables(*[numbers(0, 5000)]), 10_000_000)
    assert len(sample.table) == 1000


def test_parts_of_different_types_are_text() -> None:
    words = pa.table({"n": ["a"]})
    assert draw(Tables(numbers(0, 2), words), 1).table["n"].to_pylist() == ["0", "1", "a"]


def test_an_empty_source_has_no_rows() -> None:
    assert draw(Tables(), 3).rows == 0


def test_rows_that_are_equal_are_counted() -> None:
    table = pa.table({"a": [1, 1, 2, 1], "b": ["x", "x", "x", "y"]})
    assert repeated_rows(table) == 1


def test_the_reading_contract_has_every_column() -> None:
    contract = reading_all(["a.b", "label", "Unnamed: 0"], "label")
    assert contract.raw == ("a.b", "Unnamed: 0")
    assert contract.label.name == "label"
