"""The holdout is newer than every training row and is never empty."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.data.time_split import holdout_cut


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200), st.floats(0.05, 0.95))
def test_the_cut_keeps_time_in_order_and_holds_something_out(
    moments: list[int], share: float
) -> None:
    times = np.array(moments, dtype="datetime64[us]")
    cut = holdout_cut(times, share)
    assert (times >= cut).any()
    assert times[times < cut].size == 0 or times[times < cut].max() < times[times >= cut].min()
