"""Wasserstein distance (earth mover's distance), in standard deviations of the reference.

Each bin lies at the mean of the reference's values in it. With the cumulative shares F and G:
Σ |F − G| times the gap between neighbouring bins. Rows without a value are left out.

Without drift F − G is normal with variance F(1 − F)(1/n + 1/m). The mean absolute value of a normal
variable is √(2/π) of its standard deviation. The expected distance is the sum of these means.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.drift_statistics.interface import (
    ColumnCounts,
    StatisticValue,
    shares,
)


class WassersteinDistance:
    """The distance over rows that are not missing; NaN without any."""

    name = "wasserstein"
    title = "Wasserstein, sd"
    order = 40
    format = ".3f"
    is_test = False
    takes_ignored = False
    takes_scores = True

    def measure(self, column: ColumnCounts) -> StatisticValue:
        """The distance, and the distance to expect without drift."""
        before = column.reference[1:]
        now = column.window[1:]
        means = np.asarray(column.profile.means)
        n = int(before.sum())
        m = int(now.sum())
        if not n or not m or len(means) != len(before):
            return StatisticValue(value=math.nan, expected=math.nan)
        scale = column.profile.deviation or 1.0
        distance = wasserstein(before, now, means)
        expected = wasserstein_without_drift(before, means, n, m)
        return StatisticValue(value=distance / scale, expected=expected / scale)


def wasserstein(reference: NDArray[Any], window: NDArray[Any], means: NDArray[np.float64]) -> float:
    """Wasserstein distance of two vectors of counts of bins at `means` (bins,), ascending."""
    below_reference = np.cumsum(shares(reference))
    below_window = np.cumsum(shares(window))
    difference = np.abs(below_reference - below_window)[:-1]
    return float((difference * np.diff(means)).sum())


def wasserstein_without_drift(
    reference: NDArray[Any], means: NDArray[np.float64], n: int, m: int
) -> float:
    """The mean distance of samples of n and m rows with the reference's shares, to first order."""
    cumulative = np.cumsum(shares(reference))
    below = np.clip(cumulative[:-1], 0, 1)
    difference = np.sqrt(2 / math.pi * below * (1 - below) * (1 / n + 1 / m))
    return float((difference * np.diff(means)).sum())
