"""How many rows of a day investigators can work off, and which thresholds that permits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.statistics.precision_at_k import Workload
from pipelines.rules.use_case.policy_sections.training import Threshold

ROUNDING = 1e-9  # relative; sums of weights and a share of rows are not exact

Labels = NDArray[np.int8]
Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """The days of the tuning rows, and the number of predictions that may be flagged in a day.

    days (m,): a number for each day, the same for all rows with `per_share` · weights (m,): how
    many predictions a row stands for, because not all are labelled · workload: what Precision@k is
    computed by; None with `per_share`
    """

    days: NDArray[np.int64]
    weights: NDArray[np.float64]
    budget: float
    workload: Workload | None = None

    @classmethod
    def of(
        cls,
        threshold: Threshold,
        *,
        days: NDArray[np.int64],
        weights: NDArray[np.float64],
        entities: NDArray[np.int64] | None,
    ) -> "Capacity | None":
        """Return the capacity that the policy states for m rows; None when it states none.

        With `per_share`, all rows are one day, of which that share may be flagged.
        """
        if threshold.per_day is not None:
            workload = Workload(per_day=threshold.per_day, days=days, entities=entities)
            return cls(days=days, weights=weights, budget=threshold.per_day, workload=workload)
        if threshold.per_share is not None:
            budget = threshold.per_share * float(weights.sum())
            return cls(days=np.zeros_like(days), weights=weights, budget=budget)
        return None

    def highest_excess(self, scores: Scores) -> float:
        """Return the highest score (m,) that must not be flagged; −inf when all rows may be.

        Rows with equal scores are flagged together. A threshold keeps the budget of every day if
        it is above this score.
        """
        order = np.lexsort((-scores, self.days))
        days = self.days[order]
        begins = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
        sums = np.cumsum(self.weights[order])
        before = np.concatenate([[0.0], sums])[begins]
        lengths = np.diff(np.append(begins, len(order)))
        flagged = sums - np.repeat(before, lengths)
        is_over = flagged > self.budget * (1 + ROUNDING)
        return float(scores[order][is_over].max(initial=-np.inf))

    def flagged(self, flags: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The predictions of each day, in order of days, that flagged rows (m,) stand for."""
        _, day = np.unique(self.days, return_inverse=True)
        return np.asarray(np.bincount(day, weights=self.weights * flags), np.float64)

    def metrics(self, labels: Labels, scores: Scores, threshold: float) -> dict[str, float]:
        """What a threshold means for the investigators, on these rows (m,)."""
        flags = scores >= threshold
        flagged = self.flagged(flags)
        # Summed in the same order, so that the share is exactly 1 when all rows are flagged.
        share = (self.weights * flags).sum() / self.weights.sum()
        metrics = {"flagged_share": float(share)}
        if self.workload is None:
            return metrics
        metrics["flagged_per_day"] = float(flagged.mean())
        metrics["most_flagged_per_day"] = float(flagged.max())
        return metrics | self.workload.precision(labels, scores)

    def why_exceeded(self, flags: NDArray[np.bool_]) -> str:
        """Say why no threshold keeps the budget: one flags these rows (m,), higher ones no row."""
        flagged = float(self.flagged(flags).max())
        if self.workload is None:
            total = self.weights.sum()
            return (
                f"its thresholds flag {flagged / total:.2%} of the tuning rows or none, and "
                f"`training.threshold.per_share` permits {self.budget / total:.2%}"
            )
        return (
            f"its thresholds flag {flagged:,.0f} predictions of one day or none, and "
            f"`training.threshold.per_day` permits {self.budget:,.0f}"
        )
