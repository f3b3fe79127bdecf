"""Bounds of what gates observe."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.evidence import f1_scores

Z95 = 1.959964
Z999 = 3.290527  # two-sided 99.9 %, for a question that is asked every few minutes
F1_FLOOR = 0.01  # a champion below it counts as this good, so that a relative gain stays a number


def f1_gain(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Relative gain in F1 (...) of (..., 2, 2, 2) paired counts."""
    champion, challenger = f1_scores(counts)
    return np.asarray((challenger - champion) / np.maximum(champion, F1_FLOOR))


def bootstrap_f1_gain(counts: NDArray[np.int64], *, level: float, resamples: int) -> tuple[float, float]:
    """Bound the relative gain in F1, `level` on each side; the same counts give the same bounds.

    A paired F1 depends on the eight counts of (label, champion says, challenger says) only, so a resample of the rows is a
    multinomial draw of these counts (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
    """
    flat = counts.reshape(-1)
    generator = np.random.default_rng([int(count) for count in flat])
    draws = generator.multinomial(int(flat.sum()), flat / flat.sum(), size=resamples).reshape(-1, 2, 2, 2)
    low, high = np.quantile(f1_gain(draws), [level, 1 - level])
    return float(low), float(high)


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
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc * auc) + (negatives - 1) * (q2 - auc * auc)
    half = z * math.sqrt(max(variance, 0) / (positives * negatives))
    return max(0.0, auc - half), min(1.0, auc + half)
