"""Rows split by time: what trains never comes after what judges."""

import numpy as np
from numpy.typing import NDArray


def holdout_cut(event_times: NDArray[np.datetime64], share: float) -> np.datetime64:
    """The moment from which the newest `share` of the rows is held out."""
    ordered = np.sort(event_times)
    return ordered[min(int(len(ordered) * (1 - share)), len(ordered) - 1)]


def tune_split(n: int, share: float = 0.25) -> tuple[slice, slice]:
    """Split n rows in order of time into those that fit and the newest `share` that tunes."""
    cut = int(n * (1 - share))
    return slice(0, cut), slice(cut, n)
