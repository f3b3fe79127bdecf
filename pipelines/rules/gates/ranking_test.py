"""Does the challenger rank rows better than the champion? Ranks alone are looked at, so that calibration can't count."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, ndtri
from scipy.stats import rankdata, ttest_1samp
from sklearn.linear_model import LogisticRegression

WEAK = 1e3  # inverse strength of the penalty: only few rows, perfectly separated, feel it


@dataclass(frozen=True)
class Gain:
    """What a challenger's ranking tells of the labels beyond a champion's: mean nats a row, and the one-sided p-value."""

    nats: float
    p: float


def gain(
    labels: NDArray[np.int8], champion: NDArray[np.float64], challenger: NDArray[np.float64]
) -> Gain:
    """Compare two rankings of the same n rows: scores (n,), finite; labels (n,) of both classes.

    Each model's log-likelihood is that of a logistic regression of the labels on its ranks; the mean of the paired differences
    is tested against 0 (Vuong, Econometrica 57, 1989: models with equally many parameters, neither nested in the other).
    """
    difference = log_likelihood(labels, challenger) - log_likelihood(labels, champion)
    if not difference.any():
        return Gain(nats=0.0, p=1.0)
    test = ttest_1samp(difference, 0.0, alternative="greater")
    return Gain(nats=float(difference.mean()), p=float(test.pvalue))


def log_likelihood(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihood (n,) of each label, in nats, by what the ranks tell: the same for any increasing map of the scores."""
    basis = rank_scores(scores)
    margin = (
        LogisticRegression(C=WEAK, solver="newton-cholesky")
        .fit(basis, labels)
        .decision_function(basis)
    )
    return np.asarray(log_expit(np.where(labels == 1, margin, -margin)))


def rank_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal and exponential scores (n, 2) of the ranks; equal scores share their mean rank.

    Normal ones (van der Waerden, 1952) spread the bulk, exponential ones (Savage, Annals of Mathematical Statistics 27, 1956)
    the top, where decisions are made. Smooth in the ranks on purpose: a step function fitted to them (isotonic regression)
    takes what is random among tied scores for a gain.
    """
    quantiles = (rankdata(scores) - 0.5) / len(scores)
    return np.column_stack([ndtri(quantiles), -np.log1p(-quantiles)])
