"""How many of the rows and entities that investigators can look at in a day are positive.

Source of both metrics: Le Borgne, Siblini, Lebichot and Bontempi, Reproducible Machine Learning for
Credit Card Fraud Detection: Practical Handbook, 2022, chapter 4, "Precision top-k metrics".
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int8]
Scores = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The days of n rows, and how many of them are investigated in a day.

    days (n,): a number for each day · entities (n,): a number for each entity, −1 where it is
    unknown; None when no entity is known
    """

    per_day: int
    days: Numbers
    entities: Numbers | None = None

    def precision(self, labels: Labels, scores: Scores) -> dict[str, float]:
        """Precision@k, and Card Precision@k where entities are known; scores (n,) are finite."""
        k = self.per_day
        metrics = {f"precision_at_{k}": precision_at_k(labels, scores, self.days, k)}
        if self.entities is not None:
            metrics[f"card_precision_at_{k}"] = card_precision_at_k(
                labels, scores, self.days, entities=self.entities, k=k
            )
        return metrics


def precision_at_k(labels: Labels, scores: Scores, days: Numbers, k: int) -> float:
    """Mean over the days of the share of positives among the k rows with the highest scores.

    Of equal scores, the first in the order of the rows (n,) is taken. A day with fewer rows counts
    with those that it has; the handbook always divides by k.
    """
    shares = []
    for rows in _by_day(days):
        top = _highest_first(rows, scores)[:k]
        shares.append(labels[top].mean())
    return float(np.mean(shares))


def card_precision_at_k(
    labels: Labels, scores: Scores, days: Numbers, *, entities: Numbers, k: int
) -> float:
    """Mean over the days of the share of positives among the k entities with the highest scores.

    An entity (a card, a customer) counts once a day, with the highest score of its rows (n,) of
    that day, and is positive if one of these rows is. An entity that was among the k of a day and
    positive on it was found by the investigators: its rows of later days are left out. One that was
    positive and not among the k stays in, because it is not known. A row without an entity is one
    of its own. Equal scores and short days are treated as in `precision_at_k`.
    """
    codes = _with_own_number(entities)
    is_found = np.zeros(int(codes.max(initial=-1)) + 1, bool)
    shares = []
    for rows in _by_day(days):
        open_rows = rows[~is_found[codes[rows]]]
        if not len(open_rows):
            continue
        ordered = codes[_highest_first(open_rows, scores)]
        _, first = np.unique(ordered, return_index=True)
        top = ordered[np.sort(first)[:k]]
        is_positive = np.isin(top, codes[open_rows[labels[open_rows] == 1]])
        shares.append(is_positive.mean())
        is_found[top[is_positive]] = True
    return float(np.mean(shares))


def _by_day(days: Numbers) -> Iterator[Numbers]:
    """Yield the positions of the rows of each day, in the order of days and then of rows."""
    order = np.argsort(days, kind="stable")
    begins = np.flatnonzero(np.diff(days[order])) + 1
    yield from np.split(order, begins)


def _highest_first(rows: Numbers, scores: Scores) -> Numbers:
    """Order positions of rows by their scores, the highest first; equal ones stay in order."""
    return rows[np.argsort(-scores[rows], kind="stable")]


def _with_own_number(entities: Numbers) -> Numbers:
    """Give each row whose entity is unknown a number that no other row has."""
    highest = int(entities.max(initial=-1))
    own = highest + 1 + np.arange(len(entities))
    return np.where(entities < 0, own, entities)
