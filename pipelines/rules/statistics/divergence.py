"""How far two counts of the same bins lie apart, each statistic with what two samples of one distribution would show.

Counts are vectors (bins,): `before` of the reference, `now` of the window, neither without rows. The expected values are
first-order means over samples of these sizes, n and m: a statistic is never 0 on real samples, and small windows show more.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, chdtrc, gammaln

HALF = 0.5  # added to each count, so that an empty bin has a logarithm
RARE = 5  # expected rows below which chi-square is no approximation (Cochran, Biometrics 10, 1954)
Counts = NDArray[Any]


def psi(before: Counts, now: Counts) -> float:
    """Population stability index, Σ (q − p) ln(q / p), with half a count added to each bin."""
    p, q = _shares(before + HALF), _shares(now + HALF)
    return float(((q - p) * np.log(q / p)).sum())


def psi_without_drift(bins: int, n: int, m: int) -> float:
    """(bins − 1)(1/n + 1/m): Yurdakul and Naranjo, Statistical properties of PSI, Journal of Risk Model Validation 14, 2020."""
    return max(bins - 1, 0) * (1 / n + 1 / m)


def jensen_shannon(before: Counts, now: Counts) -> float:
    """Jensen-Shannon distance with logarithms of base 2, from 0 to 1 (Endres and Schindelin, IEEE IT 49, 2003)."""
    p, q = _shares(before), _shares(now)
    middle = (p + q) / 2
    nats = _entropy(middle) - (_entropy(p) + _entropy(q)) / 2
    return math.sqrt(max(nats, 0.0) / math.log(2))


def jensen_shannon_without_drift(bins: int, n: int, m: int) -> float:
    """The divergence is then (1/n + 1/m)/8 times a chi-square of bins − 1 degrees; this is the mean of its root."""
    degrees = bins - 1
    if degrees < 1:
        return 0.0
    root = math.sqrt(2) * math.exp(gammaln((degrees + 1) / 2) - gammaln(degrees / 2))
    return math.sqrt((1 / n + 1 / m) / (8 * math.log(2))) * float(root)


def wasserstein(before: Counts, now: Counts, means: NDArray[np.float64]) -> float:
    """Earth mover's distance of bins that lie at `means` (bins,), ascending: Σ |F − G| times the way to the next."""
    gap = np.abs(np.cumsum(_shares(before)) - np.cumsum(_shares(now)))[:-1]
    return float((gap * np.diff(means)).sum())


def wasserstein_without_drift(before: Counts, means: NDArray[np.float64], n: int, m: int) -> float:
    """F − G is then normal with variance F(1 − F)(1/n + 1/m), whose mean absolute value is √(2/π) of its deviation."""
    below = np.clip(np.cumsum(_shares(before))[:-1], 0, 1)
    return float(
        (np.sqrt(2 / math.pi * below * (1 - below) * (1 / n + 1 / m)) * np.diff(means)).sum()
    )


def homogeneity(before: Counts, now: Counts) -> tuple[float, int, float]:
    """Two-sample chi-square test: statistic, degrees of freedom, and the probability of such a difference by chance.

    Bins in which either sample would have fewer than RARE rows are left out of the statistic and tested as one: given how
    many rows fell into them, those of the window are binomial. The p-value is of the smaller of both, for two looks (Šidák).
    """
    rare = np.minimum(before.sum(), now.sum()) * _shares(before) < RARE
    statistic, degrees = _chi_square(before[~rare], now[~rare])
    looks = []
    if degrees:
        looks.append(float(chdtrc(degrees, statistic)))
    if here := int(now[rare].sum()):
        all_ = here + int(before[rare].sum())
        looks.append(float(betainc(here, all_ - here + 1, now.sum() / (now.sum() + before.sum()))))
    if not looks:
        return statistic, degrees, 1.0
    return (
        statistic,
        degrees,
        -math.expm1(len(looks) * math.log1p(-min(*looks, 1.0))) if min(looks) < 1 else 1.0,
    )


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values (k,): below a level are those that keep the share of false finds under it (JRSS B 57, 1995)."""
    k, order = len(p_values), np.argsort(p_values)
    scaled = p_values[order] * k / np.arange(1, k + 1)
    adjusted = np.empty(k)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _chi_square(before: Counts, now: Counts) -> tuple[float, int]:
    n, m = before.sum(), now.sum()
    if len(before) < 2 or not n or not m:
        return 0.0, 0
    differences = math.sqrt(m / n) * before - math.sqrt(n / m) * now
    return float((differences**2 / (before + now)).sum()), len(before) - 1


def _shares(counts: Counts) -> NDArray[np.float64]:
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _entropy(shares: NDArray[np.float64]) -> float:
    there = shares[shares > 0]
    return float(-(there * np.log(there)).sum())
