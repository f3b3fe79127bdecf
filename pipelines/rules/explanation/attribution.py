"""Attribution: which features move scores, and whether that has changed since training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
PERIOD = timedelta(days=7)  # shown to people


@dataclass(frozen=True)
class Attribution:
    """Sums over explained predictions.

    n: number of predictions · w, ww: sums of their weights and of the squared weights · wx, wwx,
    wwxx: with x = |contribution|, the sums of w x, w² x and w² x², each (columns,)

    A prediction that the policy selects with probability p stands for 1 / p predictions, so its
    weight is 1 / p (Horvitz and Thompson, JASA 47, 1952). Flagged predictions, all of which are
    explained, are therefore not overrepresented.
    """

    n: int
    w: float
    ww: float
    wx: Values
    wwx: Values
    wwxx: Values

    @classmethod
    def of(cls, contributions: Values, shares: Values) -> "Attribution":
        """Sum contributions (n, columns) of predictions selected with probabilities (n,)."""
        weights = 1 / shares
        sizes = np.abs(contributions)
        return cls(
            n=len(weights),
            w=float(weights.sum()),
            ww=float((weights**2).sum()),
            wx=weights @ sizes,
            wwx=weights**2 @ sizes,
            wwxx=weights**2 @ sizes**2,
        )

    @property
    def mean(self) -> Values:
        """Estimated mean |contribution| (columns,) in log-odds over all predictions."""
        return self.wx / self.w

    @property
    def variance(self) -> Values:
        """Variance of the mean (columns,), as of a ratio of sums.

        Source: Cochran, Sampling Techniques, 1977, 6.3.
        """
        mean = self.mean
        residuals = self.wwxx - 2 * mean * self.wwx + mean**2 * self.ww
        return np.maximum(residuals, 0.0) / self.w**2

    @property
    def effective(self) -> float:
        """Kish's effective sample size: so many equal weights give the same variance."""
        return self.w**2 / self.ww


def thinned(weights: Values, limit: int = 2_000) -> NDArray[np.int64]:
    """Positions of at most about `limit` rows that represent all predictions.

    Each row is kept with a probability proportional to its weight (n,). The same weights give the
    same rows.
    """
    probability = weights / weights.max()
    probability *= min(1.0, limit / probability.sum())
    draws = np.random.default_rng(0).random(len(weights))
    return np.flatnonzero(draws < probability)


@dataclass(frozen=True)
class Shift:
    """Difference between attribution now and in training.

    shares, former: each feature's share of all |contribution| (columns,), now and in training ·
    p_value: of each feature's mean (columns,) · distance: half of Σ |shares − former|, from 0 to 1
    · expected: the distance that chance alone would give · ndcg: agreement of the order of
    features, as in Amazon SageMaker Clarify
    """

    shares: Values
    former: Values
    p_value: Values
    distance: float
    expected: float
    ndcg: float


def shift(
    current: Attribution, importance: Mapping[str, float], columns: Sequence[str], *, trained: int
) -> Shift | None:
    """Compare with the mean |contribution| of each feature in training, from `trained` rows.

    None when either sum is zero.
    """
    before = np.array([importance.get(name, 0.0) for name in columns])
    now = current.mean
    if before.sum() <= 0 or now.sum() <= 0:
        return None
    error = np.sqrt(current.variance * (1 + current.effective / trained))
    difference = np.abs(now - before)
    with np.errstate(divide="ignore", invalid="ignore"):
        z_scores = np.where(difference > 0, difference / error, 0.0)
    shares = now / now.sum()
    former = before / before.sum()
    expected_difference = np.sqrt(2 / np.pi) * error / now.sum()
    return Shift(
        shares=shares,
        former=former,
        p_value=np.array([math.erfc(z / math.sqrt(2)) for z in z_scores]),
        distance=float(np.abs(shares - former).sum() / 2),
        expected=float(expected_difference.sum() / 2),
        ndcg=ndcg(former, shares),
    )


def ndcg(before: Values, now: Values) -> float:
    """Normalised discounted cumulative gain of today's order, by importance before (columns,).

    1 for the same order (Järvelin and Kekäläinen, ACM TOIS 20, 2002).
    """
    discount = 1 / np.log2(np.arange(len(before)) + 2)
    todays_order = np.argsort(-now, kind="stable")
    gain = before[todays_order] @ discount
    ideal_gain = np.sort(before)[::-1] @ discount
    return float(gain / ideal_gain)
