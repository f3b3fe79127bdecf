"""Which features move scores: sums over explained predictions, and how far they lie from what they were in training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
PERIOD = timedelta(days=7)  # that people are shown


@dataclass(frozen=True)
class Attribution:
    """Sums over explained predictions: how many, their weights w and squares, and with x = |contribution|, the sums of w x,
    w² x and w² x², each (columns,).

    A prediction that the policy picks with the chance p stands for 1 / p others, so w = 1 / p (Horvitz and Thompson, JASA 47,
    1952): flagged ones, of which all are explained, count no more than they are.
    """

    n: int
    w: float
    ww: float
    wx: Values
    wwx: Values
    wwxx: Values

    @classmethod
    def of(cls, contributions: Values, shares: Values) -> "Attribution":
        """Sum up contributions (n, columns) of predictions that were picked with chances (n,)."""
        w, x = 1 / shares, np.abs(contributions)
        return cls(len(w), float(w.sum()), float((w**2).sum()), w @ x, w**2 @ x, w**2 @ x**2)

    @property
    def mean(self) -> Values:
        """Mean |contribution| (columns,) in log-odds, of all predictions, explained or not."""
        return self.wx / self.w

    @property
    def variance(self) -> Values:
        """Of the mean, (columns,): that of a ratio of sums (Cochran, Sampling Techniques, 1977, 6.3)."""
        mean = self.mean
        return np.maximum(self.wwxx - 2 * mean * self.wwx + mean**2 * self.ww, 0.0) / self.w**2

    @property
    def effective(self) -> float:
        """How many predictions of equal weight would say as much (Kish)."""
        return self.w**2 / self.ww


def thinned(weights: Values, limit: int = 2_000) -> NDArray[np.int64]:
    """Positions of rows that together look as all predictions do: each is kept with a chance in proportion to its weight (n,).

    At most about `limit`; the same weights give the same rows.
    """
    chance = weights / weights.max()
    chance *= min(1.0, limit / chance.sum())
    return np.flatnonzero(np.random.default_rng(0).random(len(weights)) < chance)


@dataclass(frozen=True)
class Shift:
    """How far attributions lie from those of training.

    Shares (columns,) of all |contribution|, now and in training; p-values (columns,) of each feature's mean; and the distance
    between them, half of Σ |shares − former|, from 0 to 1, with what chance alone would show; ndcg, as Amazon SageMaker
    Clarify watches it, compares their order.
    """

    shares: Values
    former: Values
    p_value: Values
    distance: float
    expected: float
    ndcg: float


def shift(
    found: Attribution, importance: Mapping[str, float], columns: Sequence[str], *, trained: int
) -> Shift | None:
    """Compare with training's mean |contribution| by feature, which rests on so many rows; None where either is nothing."""
    then, now = np.array([importance.get(name, 0.0) for name in columns]), found.mean
    if then.sum() <= 0 or now.sum() <= 0:
        return None
    error = np.sqrt(found.variance * (1 + found.effective / trained))
    apart = np.abs(now - then)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(apart > 0, apart / error, 0.0)
    shares, former = now / now.sum(), then / then.sum()
    return Shift(
        shares=shares, former=former, p_value=np.array([math.erfc(each / math.sqrt(2)) for each in z]),
        distance=float(np.abs(shares - former).sum() / 2),
        expected=float(np.sqrt(2 / np.pi) * (error / now.sum()).sum() / 2), ndcg=ndcg(former, shares),
    )  # fmt: skip


def ndcg(then: Values, now: Values) -> float:
    """How much of training's importance (columns,) the features hold in today's order, discounted by rank: 1 for the same
    order (Järvelin and Kekäläinen, ACM TOIS 20, 2002)."""
    discount = 1 / np.log2(np.arange(len(then)) + 2)
    return float(
        (then[np.argsort(-now, kind="stable")] @ discount) / (np.sort(then)[::-1] @ discount)
    )
