"""Two-sample chi-square test of homogeneity.

With the counts a of the reference and b of the window: Σ (√(m/n) a − √(n/m) b)² / (a + b). Without
drift it is about a chi-square variable, whose mean is its degrees of freedom.

Bins in which either sample is expected to hold fewer than RARE rows are left out of the statistic,
because the approximation is poor there (Cochran, Biometrics 10, 1954). They are tested together and
exactly: given the rows of both samples in these bins, those of the window are binomial. With two
tests, the p-value is the smaller one after Šidák's correction.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, chdtrc

from pipelines.rules.monitoring.drift_statistics.interface import (
    ColumnCounts,
    StatisticValue,
    shares,
)

RARE = 5  # expected rows


class ChiSquareTest:
    """Whether the window's rows may be of the reference's distribution."""

    name = "chi_square"
    title = "p, corrected"
    order = 20
    format = ".2g"
    is_test = True
    takes_ignored = False
    takes_scores = True

    def measure(self, column: ColumnCounts) -> StatisticValue:
        """The statistic, its degrees of freedom and the p-value."""
        statistic, degrees, p_value = homogeneity(column.reference, column.window)
        return StatisticValue(value=statistic, expected=float(degrees), p_value=p_value)


def homogeneity(reference: NDArray[Any], window: NDArray[Any]) -> tuple[float, int, float]:
    """The statistic, the degrees of freedom and the p-value of two vectors of counts (bins,)."""
    smaller = np.minimum(reference.sum(), window.sum())
    expected_rows = smaller * shares(reference)
    rare = expected_rows < RARE
    statistic, degrees = _chi_square(reference[~rare], window[~rare])
    p_values = []
    if degrees:
        p_values.append(float(chdtrc(degrees, statistic)))
    if int(window[rare].sum()):
        p_values.append(_rare_bins_p_value(reference, window, rare))
    return statistic, degrees, _sidak(p_values)


def _chi_square(reference: NDArray[Any], window: NDArray[Any]) -> tuple[float, int]:
    n = reference.sum()
    m = window.sum()
    if len(reference) < 2 or not n or not m:
        return 0.0, 0
    differences = math.sqrt(m / n) * reference - math.sqrt(n / m) * window
    terms = differences**2 / (reference + window)
    return float(terms.sum()), len(reference) - 1


def _rare_bins_p_value(
    reference: NDArray[Any], window: NDArray[Any], rare: NDArray[np.bool_]
) -> float:
    """Probability of at least so many rows of the window in the rare bins."""
    in_window = int(window[rare].sum())
    in_reference = int(reference[rare].sum())
    window_rows = window.sum()
    window_share = window_rows / (window_rows + reference.sum())
    return float(betainc(in_window, in_reference + 1, window_share))


def _sidak(p_values: list[float]) -> float:
    """Smallest of independent p-values, corrected for their number; 1 without any."""
    smallest = min(p_values, default=1.0)
    if not smallest < 1:
        return 1.0
    log_none_smaller = len(p_values) * math.log1p(-smallest)
    return -math.expm1(log_none_smaller)
