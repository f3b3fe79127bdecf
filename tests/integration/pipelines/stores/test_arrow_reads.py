"""Reads of many rows as Arrow columns, from a real database."""

import math
from datetime import timedelta

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.context import Context
from pipelines.stores import arrow_reads
from tests.integration.logged import CONTRACT, NOW, Log

HOUR = timedelta(hours=1)
NUMBERS = st.none() | st.floats(allow_nan=False)


def test_a_query_gives_a_table_for_each_run_of_parameters(wired: Context) -> None:
    log = Log(wired)
    log.ship(3, NOW)
    log.ship(2, NOW - 5 * HOUR)
    runs = [
        ("fraud", NOW - 6 * HOUR, NOW - 4 * HOUR, NOW + 24 * HOUR),
        ("fraud", NOW - 4 * HOUR, NOW + HOUR, NOW + 24 * HOUR),
        ("loan", NOW - 6 * HOUR, NOW + HOUR, NOW + 24 * HOUR),
    ]
    tables = list(arrow_reads.fetch_tables(wired.settings, "labelled_predictions", runs))
    assert [len(table) for table in tables] == [2, 3, 0]


def test_a_stream_gives_all_rows_in_batches(
    wired: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_reads, "BATCH_BYTES", 10_000)
    log = Log(wired)
    log.ship(500, NOW)
    batches = list(
        arrow_reads.stream(
            wired.settings,
            "rollup",
            use_case="fraud",
            contract_hash=CONTRACT.hash,
            begin="0",
            end=str(2**62),
        )
    )
    assert len(batches) > 1
    scores = np.concatenate([batch.column("score").to_numpy() for batch in batches])
    assert sorted(scores.tolist()) == pytest.approx(sorted(log.scores))


def test_a_value_with_a_quote_is_a_value(wired: Context) -> None:
    Log(wired).ship(2, NOW)
    name = "fraud' OR '1'='1"
    values = {"contract_hash": CONTRACT.hash, "begin": "0", "end": str(2**62)}
    batches = arrow_reads.stream(wired.settings, "rollup", use_case=name, **values)
    assert sum(len(batch) for batch in batches) == 0


def test_a_database_that_is_away_is_an_error(wired: Context) -> None:
    nowhere = wired.settings.model_copy(update={"database_url": "postgresql://a@127.0.0.1:1/b"})
    with pytest.raises(Exception, match=r"(?i)connect") as caught:
        list(arrow_reads.fetch_tables(nowhere, "labelled_predictions", [("fraud",)]))
    assert not isinstance(caught.value, psycopg.Error), "the driver is not psycopg's"


@given(
    st.lists(st.none() | st.lists(NUMBERS, min_size=3, max_size=3))
    | st.lists(st.lists(NUMBERS, min_size=3, max_size=3)),
    st.integers(0, 3),
    st.sampled_from([pa.float64(), pa.float32()]),
)
def test_lists_become_a_matrix_without_null_rows_and_with_nan_for_null(
    rows: list[list[float | None] | None], skipped: int, type_: pa.DataType
) -> None:
    column = pa.array(rows, pa.list_(pa.float64())).cast(pa.list_(type_)).slice(skipped)
    matrix = arrow_reads.matrix(column, 3)
    kept = column.cast(pa.list_(pa.float64())).to_pylist()
    expected = [[math.nan if n is None else n for n in row] for row in kept if row is not None]
    np.testing.assert_array_equal(matrix, np.array(expected).reshape(-1, 3))
    np.testing.assert_array_equal(
        arrow_reads.matrix(pa.chunked_array([column, column]), 3)[: len(matrix)], matrix
    )


def test_a_column_without_chunks_is_a_matrix_without_rows() -> None:
    empty = pa.chunked_array([], pa.list_(pa.float64()))
    assert arrow_reads.matrix(empty, 4).shape == (0, 4)
