"""Population stability index.

With the shares p of the reference and q of the window: Σ (q − p) ln(q / p). Half a count is added
to each bin, so that the logarithm of an empty bin exists.

Without drift: (bins − 1)(1/n + 1/m). Yurdakul and Naranjo, Statistical properties of PSI, Journal
of Risk Model Validation 14, 2020.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.drift_statistics.interface import (
    ColumnCounts,
    StatisticValue,
    shares,
)

HALF = 0.5


class PopulationStabilityIndex:
    """PSI over the bins that are not empty in both samples."""

    name = "psi"
    title = "PSI"
    order = 10
    format = ".4f"
    is_test = False
    takes_ignored = False
    takes_scores = True

    def measure(self, column: ColumnCounts) -> StatisticValue:
        """The PSI, and the PSI to expect without drift."""
        bins = len(column.used_reference)
        return StatisticValue(
            value=psi(column.used_reference, column.used_window),
            expected=psi_without_drift(bins, column.n, column.m),
        )


def psi(reference: NDArray[Any], window: NDArray[Any]) -> float:
    """PSI of two vectors of counts (bins,); both hold at least one row."""
    p = shares(reference + HALF)
    q = shares(window + HALF)
    terms = (q - p) * np.log(q / p)
    return float(terms.sum())


def psi_without_drift(bins: int, n: int, m: int) -> float:
    """The mean PSI of samples of n and m rows of one distribution, to first order."""
    degrees = max(bins - 1, 0)
    return degrees * (1 / n + 1 / m)
