"""Tests whether the challenger ranks rows better than the champion.

Only the ranks of the scores count, so that calibration has no effect.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, ndtri
from scipy.stats import rankdata, ttest_1samp
from sklearn.linear_model import LogisticRegression

WEAK = 1e3  # inverse strength of the penalty; it acts only on few rows that are well separated


@dataclass(frozen=True)
class Gain:
    """The gain of a ranking over the champion's: mean nats per row, and the one-sided p-value."""

    nats: float
    p: float


def gain(
    labels: NDArray[np.int8], champion: NDArray[np.float64], challenger: NDArray[np.float64]
) -> Gain:
    """Compare two rankings of the same n rows: scores (n,), finite; labels (n,) of both classes.

    Each model's log-likelihood is that of a logistic regression of the labels on its ranks. The
    mean of the paired differences is tested against 0 (Vuong, Econometrica 57, 1989: models with
    equally many parameters, neither nested in the other).
    """
    difference = log_likelihood(labels, challenger) - log_likelihood(labels, champion)
    if not difference.any():
        return Gain(nats=0.0, p=1.0)
    test = ttest_1samp(difference, 0.0, alternative="greater")
    return Gain(
        nats=float(difference.mean()),
        p=float(test.pvalue),
    )


def log_likelihood(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihood (n,) of each label given the ranks of the scores, in nats.

    An increasing map of the scores does not change it.
    """
    basis = rank_scores(scores)
    regression = LogisticRegression(C=WEAK, solver="newton-cholesky")
    regression.fit(basis, labels)
    margin = regression.decision_function(basis)
    signed = np.where(labels == 1, margin, -margin)
    return np.asarray(log_expit(signed))


def rank_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal and exponential scores (n, 2) of the ranks; equal scores share their mean rank.

    Normal scores (van der Waerden, 1952) spread the bulk. Exponential scores (Savage, Annals of
    Mathematical Statistics 27, 1956) spread the top, where decisions are made. Both are smooth in
    the ranks on purpose: a fitted step function (isotonic regression) mistakes the random order of
    tied scores for a gain.
    """
    quantiles = (rankdata(scores) - 0.5) / len(scores)
    normal = ndtri(quantiles)
    exponential = -np.log1p(-quantiles)
    return np.column_stack([normal, exponential])
