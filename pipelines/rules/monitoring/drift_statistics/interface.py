"""What a drift statistic offers, and what it is given.

A drift statistic is a class without arguments, named by an entry point of the group
`sixgate.drift_statistics`. Metrics, tables and pages loop over all that are installed. See
docs/how-to/add-a-drift-statistic.md.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import Profile

BinCounts = NDArray[np.int64]  # missing, bin 0, bin 1, …


@dataclass(frozen=True, kw_only=True)
class StatisticValue:
    """An observed value, and the value expected of samples of these sizes without drift.

    `value` is NaN where there is none. A test gives its p-value, which Sixgate corrects for the
    number of features; other statistics give none.
    """

    value: float
    expected: float
    p_value: float | None = None

    @property
    def excess(self) -> float:
        """How far the value exceeds the expected one."""
        return self.value - self.expected


@dataclass(frozen=True, kw_only=True)
class ColumnCounts:
    """The rows of one column by bin, in the reference and in the window; both have rows.

    `reference` and `window` hold the missing values first, then the bins of `profile`, which is the
    reference's. `used_reference` and `used_window` leave out bins that are empty in both. `n` and
    `m` are the numbers of rows of the reference and of the window.
    """

    profile: Profile
    reference: BinCounts
    window: BinCounts
    used_reference: BinCounts
    used_window: BinCounts
    n: int
    m: int

    @classmethod
    def of(cls, profile: Profile, window: BinCounts) -> "ColumnCounts":
        """The counts of a reference's profile, and those of a window in the same bins."""
        reference = np.asarray(profile.counts)
        used = (reference + window) > 0
        return cls(
            profile=profile,
            reference=reference,
            window=window,
            used_reference=reference[used],
            used_window=window[used],
            n=int(reference.sum()),
            m=int(window.sum()),
        )


class DriftStatistic(Protocol):
    """One number for the difference between a reference and a window of one column.

    name: of the metric in `monitoring_metrics`, and of the entry point; the metric of the
    champion's scores is `score_` and this name
    title: heads its column in tables and on the drift page
    order: of the columns, ascending; Sixgate's own have 10, 20, …
    format: of the number in the column, as Python writes it: the p-value of a test, else the value
    is_test: whether `measure` gives a p-value
    takes_ignored: whether it is of interest for features that `drift.ignore` names
    takes_scores: whether it compares the champion's scores with those of its evaluation data, too
    """

    name: str
    title: str
    order: int
    format: str
    is_test: bool
    takes_ignored: bool
    takes_scores: bool

    def measure(self, column: ColumnCounts) -> StatisticValue:
        """Compare the window with the reference; the same counts give the same value."""
        ...


def shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    """The share of the rows in each bin (bins,)."""
    return np.asarray(counts / counts.sum(), dtype=np.float64)
