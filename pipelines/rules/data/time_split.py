"""Rows split by time: what trains never comes after what judges."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def holdout_cut(event_times: NDArray[np.datetime64], share: float) -> np.datetime64:
    """The moment from which the newest `share` of the rows is held out."""
    ordered = np.sort(event_times)
    cut: np.datetime64 = ordered[min(int(len(ordered) * (1 - share)), len(ordered) - 1)]
    return cut


def tune_cut(n: int, share: float = 0.25) -> int:
    """The position from which the newest `share` of n rows, in order of time, calibrates and sets the threshold."""
    return int(n * (1 - share))


def forward_folds(n: int, folds: int, share: float = 2 / 3) -> list[tuple[int, int]]:
    """Cut the newest `share` of n rows, in order of time, into blocks [begin, end); who judges one has seen [0, begin)."""
    edges = np.linspace(int(n * (1 - share)), n, folds + 1).astype(int)
    return [(int(begin), int(end)) for begin, end in pairwise(edges)]
