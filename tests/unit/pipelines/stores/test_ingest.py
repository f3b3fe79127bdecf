"""Numbers are written to PostgreSQL so that the same numbers come back."""

import math

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.stores.ingest import array_literals

NUMBERS = st.one_of(st.none(), st.floats(allow_infinity=False, width=64))


def read(literal: str) -> list[float]:
    return [math.nan if text == "NULL" else float(text) for text in literal.strip("{}").split(",")]


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_numbers_come_back_exactly_and_missing_ones_as_missing(
    rows: list[tuple[float | None, ...]],
) -> None:
    columns = [
        pa.chunked_array([pa.array([row[place] for row in rows], pa.float64())])
        for place in range(3)
    ]
    literals = array_literals(columns).to_pylist()
    for literal, row in zip(literals, rows, strict=True):
        expected = [math.nan if number is None else number for number in row]
        assert [repr(number) for number in read(literal)] == [repr(number) for number in expected]


def test_arrays_are_written_as_postgresql_reads_them() -> None:
    columns = [pa.chunked_array([[1.5, None]]), pa.chunked_array([[1e300, math.nan]])]
    assert array_literals(columns).to_pylist() == ["{1.5,1e+300}", "{NULL,NULL}"]
