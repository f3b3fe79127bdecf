"""Which prediction of a repeated transaction counts."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.data.repeated import first_predictions

START = np.datetime64("2026-01-01", "us")


def times(seconds: list[int]) -> np.ndarray:
    return START + np.array(seconds, "timedelta64[s]")


@pytest.mark.parametrize(
    ("ids", "seconds", "first"),
    [
        pytest.param([], [], [], id="no rows"),
        pytest.param(["a", "b"], [2, 1], [True, True], id="no id is repeated"),
        pytest.param(["a", "b", "a"], [1, 2, 3], [True, True, False], id="the earlier one counts"),
        pytest.param(["a", "b", "a"], [3, 2, 1], [False, True, True], id="in any order of rows"),
        pytest.param(["a", "a"], [1, 1], [True, False], id="of one moment, the first row"),
        pytest.param(["007", "7"], [1, 1], [True, True], id="ids are exact"),
    ],
)
def test_the_first_prediction_counts(ids, seconds, first):
    marked = first_predictions(pa.array(ids, pa.string()), times(seconds))
    assert marked.tolist() == first


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5)), max_size=30))
def test_each_transaction_is_marked_once_at_its_earliest_time(rows):
    ids = [id_ for id_, _ in rows]
    seconds = [second for _, second in rows]
    marked = first_predictions(pa.array(ids, pa.string()), times(seconds))
    kept = {id_: second for (id_, second), is_first in zip(rows, marked, strict=True) if is_first}
    assert len(kept) == int(marked.sum()) == len(set(ids))
    for id_, second in kept.items():
        assert second == min(other for other_id, other in rows if other_id == id_)
