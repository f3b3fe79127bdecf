"""Distances between two histograms over the same bins, with the value to expect without drift.

Counts are vectors (bins,): `reference` and `current`, the window; both hold at least one row.
The expected values are first-order means over samples of n and m rows of one distribution.
A statistic is never 0 on real samples, and small windows give larger values.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, chdtrc, gammaln

HALF = 0.5  # added to each count, so that the logarithm of an empty bin exists
RARE = 5  # expected rows; below, chi-square is a poor approximation (Cochran, Biometrics 10, 1954)
Counts = NDArray[Any]


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index, Σ (q − p) ln(q / p), with half a count added to each bin."""
    p = _shares(reference + HALF)
    q = _shares(current + HALF)
    terms = (q - p) * np.log(q / p)
    return float(terms.sum())


def psi_without_drift(bins: int, n: int, m: int) -> float:
    """Return the PSI to expect without drift, (bins − 1)(1/n + 1/m).

    Yurdakul and Naranjo, Statistical properties of PSI, Journal of Risk Model Validation 14, 2020.
    """
    degrees = max(bins - 1, 0)
    return degrees * (1 / n + 1 / m)


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance with logarithms of base 2, from 0 to 1.

    Endres and Schindelin, IEEE Transactions on Information Theory 49, 2003.
    """
    p = _shares(reference)
    q = _shares(current)
    mixture = (p + q) / 2
    mean_entropy = (_entropy(p) + _entropy(q)) / 2
    nats = _entropy(mixture) - mean_entropy
    return math.sqrt(max(nats, 0.0) / math.log(2))


def jensen_shannon_without_drift(bins: int, n: int, m: int) -> float:
    """Return the Jensen-Shannon distance to expect without drift.

    Without drift the divergence is (1/n + 1/m)/8 times a chi-square variable with bins − 1
    degrees of freedom. The distance is its root, and this is the mean of that root.
    """
    degrees = bins - 1
    if degrees < 1:
        return 0.0
    scale = (1 / n + 1 / m) / (8 * math.log(2))
    log_ratio = gammaln((degrees + 1) / 2) - gammaln(degrees / 2)
    mean_chi = math.sqrt(2) * math.exp(log_ratio)
    return math.sqrt(scale) * mean_chi


def wasserstein(reference: Counts, current: Counts, means: NDArray[np.float64]) -> float:
    """Earth mover's distance of bins at `means` (bins,), ascending: Σ |F − G| times their gaps."""
    below_reference = np.cumsum(_shares(reference))
    below_current = np.cumsum(_shares(current))
    difference = np.abs(below_reference - below_current)[:-1]
    return float((difference * np.diff(means)).sum())


def wasserstein_without_drift(
    reference: Counts, means: NDArray[np.float64], n: int, m: int
) -> float:
    """Return the Wasserstein distance to expect without drift.

    Without drift F − G is normal with variance F(1 − F)(1/n + 1/m). The mean absolute value of a
    normal variable is √(2/π) of its standard deviation.
    """
    cumulative = np.cumsum(_shares(reference))
    below = np.clip(cumulative[:-1], 0, 1)
    difference = np.sqrt(2 / math.pi * below * (1 - below) * (1 / n + 1 / m))
    return float((difference * np.diff(means)).sum())


def homogeneity(reference: Counts, current: Counts) -> tuple[float, int, float]:
    """Two-sample chi-square test: return the statistic, the degrees of freedom and the p-value.

    Bins in which either sample is expected to hold fewer than RARE rows are left out of the
    statistic and tested together: given the rows of both samples in these bins, those of the
    window are binomial. With two tests, the p-value is the smaller one after Šidák's correction.
    """
    smaller = np.minimum(reference.sum(), current.sum())
    expected_rows = smaller * _shares(reference)
    rare = expected_rows < RARE
    statistic, degrees = _chi_square(reference[~rare], current[~rare])
    p_values = []
    if degrees:
        p_values.append(float(chdtrc(degrees, statistic)))
    if int(current[rare].sum()):
        p_values.append(_rare_bins_p_value(reference, current, rare))
    return statistic, degrees, _sidak(p_values)


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values (k,): those below a level have at most that false discovery rate.

    Benjamini and Hochberg, JRSS B 57, 1995.
    """
    k = len(p_values)
    order = np.argsort(p_values)
    ranks = np.arange(1, k + 1)
    scaled = p_values[order] * k / ranks
    smallest_from_here = np.minimum.accumulate(scaled[::-1])[::-1]
    adjusted = np.empty(k)
    adjusted[order] = np.minimum(smallest_from_here, 1.0)
    return adjusted


def _chi_square(reference: Counts, current: Counts) -> tuple[float, int]:
    n = reference.sum()
    m = current.sum()
    if len(reference) < 2 or not n or not m:
        return 0.0, 0
    differences = math.sqrt(m / n) * reference - math.sqrt(n / m) * current
    terms = differences**2 / (reference + current)
    return float(terms.sum()), len(reference) - 1


def _rare_bins_p_value(reference: Counts, current: Counts, rare: NDArray[np.bool_]) -> float:
    """Probability of at least so many rows of the window in the rare bins."""
    in_window = int(current[rare].sum())
    in_reference = int(reference[rare].sum())
    window_rows = current.sum()
    window_share = window_rows / (window_rows + reference.sum())
    return float(betainc(in_window, in_reference + 1, window_share))


def _sidak(p_values: list[float]) -> float:
    """Smallest of independent p-values, corrected for their number; 1 without any."""
    smallest = min(p_values, default=1.0)
    if not smallest < 1:
        return 1.0
    log_none_smaller = len(p_values) * math.log1p(-smallest)
    return -math.expm1(log_none_smaller)


def _shares(counts: Counts) -> NDArray[np.float64]:
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _entropy(shares: NDArray[np.float64]) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())
