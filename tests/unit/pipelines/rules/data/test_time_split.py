"""The holdout is newer than every training row and is never empty."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.data.time_split import holdout_cut, why_no_day, why_uneven


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200), st.floats(0.05, 0.95))
def test_the_cut_keeps_time_in_order_and_holds_something_out(
    moments: list[int], share: float
) -> None:
    times = np.array(moments, dtype="datetime64[us]")
    cut = holdout_cut(times, share)
    assert (times >= cut).any()
    assert (times < cut).any() or len(np.unique(times)) == 1
    assert times[times < cut].size == 0 or times[times < cut].max() < times[times >= cut].min()


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=200, unique=True))
def test_distinct_times_hold_out_the_share(moments: list[int]) -> None:
    times = np.array(moments, dtype="datetime64[us]")
    held_out = int((times >= holdout_cut(times, 0.3)).sum())
    expected = len(times) - max(int(len(times) * 0.7), 1)
    assert held_out == expected


@pytest.mark.parametrize(
    ("days", "held_out", "uneven"),
    [
        pytest.param([1] * 10, 10, True, id="one moment"),
        pytest.param([1] * 5 + [2] * 5, 5, False, id="two days of the same size"),
        pytest.param([1] * 4 + [2] * 3 + [3] * 3, 3, False, id="three days"),
        pytest.param([1] + [2] * 98 + [3], 1, True, id="nearly all on one day"),
        pytest.param([1] + [2] * 99, 99, True, id="all but the oldest on one day"),
        pytest.param([1] * 99 + [2], 1, True, id="all but the newest on one day"),
    ],
)
def test_rows_of_one_moment_stay_together(days: list[int], held_out: int, uneven: bool) -> None:
    times = np.array([f"2026-01-0{day}" for day in days], dtype="datetime64[us]")
    cut = holdout_cut(times, 0.3)
    assert int((times >= cut).sum()) == held_out
    reason = why_uneven(times, cut, 0.3)
    assert (reason is not None) == uneven
    if reason:
        largest = max(set(days), key=days.count)
        assert f"{days.count(largest)} of {len(days)} labelled rows have the event time " in reason
        assert f"2026-01-0{largest}T00:00:00 UTC" in reason
        assert "set `evaluation.split: id`" in reason


@pytest.mark.parametrize(
    ("last", "is_long_enough"),
    [
        pytest.param("2026-03-02T06:00", True, id="a whole day"),
        pytest.param("2026-03-02T05:59", False, id="a minute less, on two dates"),
        pytest.param("2026-03-01T06:00", False, id="one moment"),
    ],
)
def test_rows_are_counted_by_day_if_they_span_one(last: str, is_long_enough: bool) -> None:
    times = np.array(["2026-03-01T06:00", last], "datetime64[us]")
    reason = why_no_day(times)
    assert (reason is None) == is_long_enough
    assert is_long_enough or "set `training.threshold.per_share`" in str(reason)
