"""Confidence intervals of means, shares and ROC-AUCs.

Each function returns the lower and the upper bound. `z` is the standard normal quantile of the
two-sided level; the default is 95 %.
"""

import math

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964
Z999 = 3.290527  # two-sided 99.9 %, for checks that run every few minutes


def mean(values: NDArray[np.float64]) -> tuple[float, float]:
    """Bound the mean of values (n,) at 95 %, by the normal approximation."""
    center = float(values.mean())
    deviation = float(values.std())
    half = Z95 * deviation / math.sqrt(len(values))
    return center - half, center + half


def wilson(successes: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Bound the share of `successes` in n trials (Wilson, JASA 22, 1927)."""
    share = successes / n
    z2 = z**2
    scale = 1 + z2 / n
    middle = share + z2 / (2 * n)
    variance = share * (1 - share) / n + z2 / (4 * n * n)
    half = z * math.sqrt(variance)
    return (middle - half) / scale, (middle + half) / scale


def roc_auc(auc: float, positives: int, negatives: int, z: float = Z95) -> tuple[float, float]:
    """Bound a ROC-AUC (Hanley and McNeil, Radiology 143, 1982)."""
    square = auc * auc
    q1 = auc / (2 - auc)
    q2 = 2 * auc * auc / (1 + auc)
    of_positives = (positives - 1) * (q1 - square)
    of_negatives = (negatives - 1) * (q2 - square)
    variance = auc * (1 - auc) + of_positives + of_negatives
    pairs = positives * negatives
    half = z * math.sqrt(max(variance, 0) / pairs)
    return max(0.0, auc - half), min(1.0, auc + half)
