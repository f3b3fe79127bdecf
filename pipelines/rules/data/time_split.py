"""Splits by time: training rows are never newer than the rows that judge the model."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def holdout_cut(event_times: NDArray[np.datetime64], share: float) -> np.datetime64:
    """Return the event time from which the newest `share` of the rows is held out."""
    ordered = np.sort(event_times)
    newest = len(ordered) - 1
    index = int(len(ordered) * (1 - share))
    cut: np.datetime64 = ordered[min(index, newest)]
    return cut


def tune_cut(n: int, share: float = 0.25) -> int:
    """Return the position from which the newest `share` of n rows is kept for tuning.

    The rows are in order of time. Tuning rows calibrate the model and set its threshold.
    """
    return int(n * (1 - share))


def forward_folds(n: int, folds: int, share: float = 2 / 3) -> list[tuple[int, int]]:
    """Cut the newest `share` of n rows, in order of time, into blocks [begin, end).

    A model that is judged on a block is trained on the rows [0, begin).
    """
    first = int(n * (1 - share))
    edges = np.linspace(first, n, folds + 1)
    positions = [int(edge) for edge in edges]
    return list(pairwise(positions))
