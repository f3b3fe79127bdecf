"""Splits by time: training rows are never newer than the rows that judge the model."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def holdout_cut(event_times: NDArray[np.datetime64], share: float) -> np.datetime64:
    """Return the event time from which about the newest `share` of the rows is held out.

    Rows of one moment stay together: the cut is at the moment that comes nearest to the share. The
    first moment is the cut only where there is no other, because no row would be left to train on.
    """
    ordered = np.sort(event_times)
    newest = len(ordered) - 1
    index = min(int(len(ordered) * (1 - share)), newest)
    moment = ordered[index]
    begin = int(np.searchsorted(ordered, moment))
    end = int(np.searchsorted(ordered, moment, side="right"))
    use_next = end <= newest and (begin == 0 or end - index < index - begin)
    cut: np.datetime64 = ordered[end] if use_next else moment
    return cut


def why_uneven(event_times: NDArray[np.datetime64], cut: np.datetime64, share: float) -> str | None:
    """Say why a cut holds out far more or less than `share` of the rows; None if it does not.

    Far is beyond half of what is to be held out, or of what is to train.
    """
    held_out = float((event_times >= cut).mean())
    if share / 2 <= held_out <= 1 - (1 - share) / 2:
        return None
    moments, counts = np.unique(event_times, return_counts=True)
    largest = int(counts.argmax())
    rows = len(event_times)
    return (
        f"{counts[largest]:,} of {rows:,} labelled rows have the event time "
        f"{moments[largest].astype('datetime64[s]')} UTC ({len(moments):,} distinct times), so a "
        f"split by time holds out {held_out:.0%} of the rows instead of {share:.0%}: correct the "
        "event times, or set `evaluation.split: id` to split by transaction id"
    )


def tune_cut(n: int, share: float = 0.25) -> int:
    """Return the position from which the newest `share` of n rows is kept for tuning.

    The rows are in order of time. Tuning rows calibrate the model and set its threshold.
    """
    return int(n * (1 - share))


def why_no_day(event_times: NDArray[np.datetime64]) -> str | None:
    """Say why tuning rows can't be counted by day: they span less than one; None if they can."""
    first = event_times.min()
    last = event_times.max()
    if last - first >= np.timedelta64(1, "D"):
        return None
    return (
        f"the {len(event_times):,} training rows that set the threshold, from {first} to {last}, "
        "span less than a day, and `training.threshold.per_day` counts rows of a day: wait for "
        "more labels, or set `training.threshold.per_share`"
    )


def forward_folds(n: int, folds: int, share: float = 2 / 3) -> list[tuple[int, int]]:
    """Cut the newest `share` of n rows, in order of time, into blocks [begin, end).

    A model that is judged on a block is trained on the rows [0, begin).
    """
    first = int(n * (1 - share))
    edges = np.linspace(first, n, folds + 1)
    positions = [int(edge) for edge in edges]
    return list(pairwise(positions))
