"""Jensen-Shannon distance, from 0 to 1.

With the shares p and q and the entropy H in bits: √(H((p + q)/2) − (H(p) + H(q))/2). Endres and
Schindelin, IEEE Transactions on Information Theory 49, 2003.

Without drift the divergence, which is the square, is (1/n + 1/m)/(8 ln 2) times a chi-square
variable with bins − 1 degrees of freedom. The expected distance is the mean of its root.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from pipelines.rules.monitoring.drift_statistics.interface import (
    ColumnCounts,
    StatisticValue,
    shares,
)


class JensenShannonDistance:
    """The distance over the bins that are not empty in both samples."""

    name = "jensen_shannon"
    title = "Jensen-Shannon"
    order = 30
    format = ".4f"
    is_test = False
    takes_ignored = False
    takes_scores = True

    def measure(self, column: ColumnCounts) -> StatisticValue:
        """The distance, and the distance to expect without drift."""
        bins = len(column.used_reference)
        return StatisticValue(
            value=jensen_shannon(column.used_reference, column.used_window),
            expected=jensen_shannon_without_drift(bins, column.n, column.m),
        )


def jensen_shannon(reference: NDArray[Any], window: NDArray[Any]) -> float:
    """Jensen-Shannon distance of two vectors of counts (bins,); both hold at least one row."""
    p = shares(reference)
    q = shares(window)
    mixture = (p + q) / 2
    mean_entropy = (_entropy(p) + _entropy(q)) / 2
    nats = _entropy(mixture) - mean_entropy
    return math.sqrt(max(nats, 0.0) / math.log(2))


def jensen_shannon_without_drift(bins: int, n: int, m: int) -> float:
    """The mean distance of samples of n and m rows of one distribution, to first order."""
    degrees = bins - 1
    if degrees < 1:
        return 0.0
    scale = (1 / n + 1 / m) / (8 * math.log(2))
    log_ratio = gammaln((degrees + 1) / 2) - gammaln(degrees / 2)
    mean_chi = math.sqrt(2) * math.exp(log_ratio)
    return math.sqrt(scale) * mean_chi


def _entropy(shares: NDArray[np.float64]) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())
