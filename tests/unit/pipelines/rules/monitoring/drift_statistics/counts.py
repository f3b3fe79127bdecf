"""Counts of two samples for tests of drift statistics."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.monitoring.drift_statistics.interface import ColumnCounts

# Rows of the reference and of the window by bin; both samples hold at least one row.
PAIRS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=30
).filter(lambda pairs: any(a for a, _ in pairs) and any(b for _, b in pairs))


def samples(pairs: Sequence[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    before, now = np.array(pairs).T
    return before, now


def column(
    reference: Sequence[int],
    window: Sequence[int],
    *,
    deviation: float = 1.0,
    outside: Sequence[int] = (),
) -> ColumnCounts:
    """A column whose bins, behind the missing values, have their means one apart."""
    bins = len(reference) - 1
    profile = Profile(
        edges=[float(edge) for edge in range(1, bins)],
        counts=list(reference),
        means=[float(bin_index) for bin_index in range(bins)],
        deviation=deviation,
        outside=list(outside),
    )
    return ColumnCounts.of(profile, np.array(window))
