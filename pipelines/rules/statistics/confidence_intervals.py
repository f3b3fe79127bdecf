"""Confidence intervals of means, shares and ROC-AUCs."""

import math

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964
Z999 = 3.290527  # two-sided 99.9 %, for a question that is asked every few minutes


def mean(values: NDArray[np.float64]) -> tuple[float, float]:
    """Bound a mean at 95 %, by the normal approximation."""
    half = Z95 * float(values.std()) / math.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


def wilson(found: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Bound a share, at 95 % unless told (Wilson, JASA 22, 1927)."""
    share, z2 = found / n, z**2
    middle, half = share + z2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)


def roc_auc(auc: float, positives: int, negatives: int, z: float = Z95) -> tuple[float, float]:
    """Bound a ROC-AUC, at 95 % unless told (Hanley and McNeil, Radiology 143, 1982)."""
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = (
        auc * (1 - auc) + (positives - 1) * (q1 - auc * auc) + (negatives - 1) * (q2 - auc * auc)
    )
    half = z * math.sqrt(max(variance, 0) / (positives * negatives))
    return max(0.0, auc - half), min(1.0, auc + half)
