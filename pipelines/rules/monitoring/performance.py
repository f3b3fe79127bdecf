"""How well a model does: before labels come, by what its own scores promise; after, by what turned out.

Estimated performance is confidence-based (CBPE: Kuleshov and Liang, Estimating uncertainty online against an adversary, AAAI
2017; NannyML's estimator of that name). It holds as far as scores are calibrated: a change of what the features mean for the
label moves no score, and no estimate.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr

from pipelines.rules.monitoring.binning import SCORE_BINS, score_bins
from pipelines.rules.statistics import confidence_intervals
from pipelines.rules.statistics.confidence_intervals import Z95

ALL, NEGATIVE, POSITIVE = (
    0,
    1,
    2,
)  # the first axis of the sums: whatever the label, and by label where it is known
N, SCORE, SQUARE = 0, 1, 2  # the last axis


@dataclass(frozen=True)
class ScoreCounts:
    """Answers of one model by label, flag and score bin: (3, 2, bins, 3) sums of 1, of the score and of its square."""

    sums: NDArray[np.float64]

    @classmethod
    def empty(cls) -> "ScoreCounts":
        """Of no answers."""
        return cls(np.zeros((3, 2, SCORE_BINS, 3)))

    @classmethod
    def of(
        cls, scores: NDArray[np.float64], flags: NDArray[np.bool_], labels: NDArray[np.int8] | None = None
    ) -> "ScoreCounts":  # fmt: skip
        """Of some answers (n,); labels (n,) are 0 or 1, −1 while unknown."""
        counts, summed = cls.empty(), np.column_stack([np.ones(len(scores)), scores, scores**2])
        placed = flags.astype(int), score_bins(scores)
        np.add.at(counts.sums, (np.full(len(scores), ALL), *placed), summed)
        if labels is not None:
            known = labels >= 0
            np.add.at(
                counts.sums, (labels[known] + 1, *(each[known] for each in placed)), summed[known]
            )
        return counts

    @property
    def n(self) -> int:
        """How many were answered."""
        return int(self.sums[ALL, :, :, N].sum())

    @property
    def labelled(self) -> int:
        """Of how many the truth is known."""
        return int(self.sums[[NEGATIVE, POSITIVE], :, :, N].sum())

    @property
    def positives(self) -> int:
        """How many are known to be positive."""
        return int(self.sums[POSITIVE, :, :, N].sum())

    @property
    def found(self) -> int:
        """How many of those were flagged."""
        return int(self.sums[POSITIVE, 1, :, N].sum())

    @property
    def bins(self) -> NDArray[np.int64]:
        """Answers in each bin (bins,)."""
        return np.asarray(self.sums[ALL, :, :, N].sum(axis=0), dtype=np.int64)


@dataclass(frozen=True)
class Figure:
    """A value with its bounds; NaN where there is nothing to tell it from."""

    value: float
    low: float = math.nan
    high: float = math.nan


def proxies(counts: ScoreCounts) -> dict[str, Figure]:
    """What moves before labels come: share flagged, mean and deviation of the scores, and their entropy in bits.

    Entropy is of the mean score of each bin; bins are so narrow that it differs from the rows' own by less than 0.001.
    """
    sums, n = counts.sums[ALL], counts.n
    if not n:
        return {}
    mean = sums[..., SCORE].sum() / n
    variance = (sums[..., SQUARE].sum() - n * mean**2) / max(n - 1, 1)
    per_bin = sums.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = per_bin[:, SCORE] / per_bin[:, N]
        bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return {
        "positive_rate": Figure(float(sums[1, :, N].sum() / n)),
        "score_mean": Figure(float(mean)),
        "score_sd": Figure(math.sqrt(max(variance, 0.0))),
        "score_entropy": Figure(float((per_bin[:, N] * np.nan_to_num(bits)).sum() / n)),
    }


def estimated(counts: ScoreCounts) -> dict[str, Figure]:
    """Expected F1, precision, recall and ROC-AUC if scores are true probabilities, with 95 % bounds of what would then be seen.

    Each flagged row is a true positive with the probability that is its score, so true positives expected are the sum of
    flagged scores, with variance Σ s(1 − s); the bounds follow to first order.
    """
    by_flag = counts.sums[ALL].sum(axis=1)
    flagged, found, missed = by_flag[1, N], by_flag[1, SCORE], by_flag[0, SCORE]
    positives, n = found + missed, counts.n
    if not n or positives <= 0:
        return {}
    spread = np.maximum(
        by_flag[:, SCORE] - by_flag[:, SQUARE], 0.0
    )  # variance of positives: not flagged, flagged
    recall, f1 = found / positives, 2 * found / (flagged + positives)
    weights = {"recall": (1 - recall, recall, positives), "f1": (2 - f1, f1, flagged + positives)}
    figures = {
        name: _bounded(value, math.sqrt(by_found**2 * spread[1] + by_missed**2 * spread[0]) / of)
        for (name, (by_found, by_missed, of)), value in zip(
            weights.items(), (recall, f1), strict=True
        )
    }
    if flagged:
        figures["precision"] = _bounded(found / flagged, math.sqrt(spread[1]) / flagged)
    per_bin = counts.sums[ALL].sum(axis=0)
    auc = _roc_auc(per_bin[:, SCORE], per_bin[:, N] - per_bin[:, SCORE])
    if positives >= 1 and n - positives >= 1:
        figures["roc_auc"] = Figure(
            auc, *confidence_intervals.roc_auc(auc, round(positives), round(n - positives))
        )
    return {f"estimated_{name}": figure for name, figure in sorted(figures.items())}


def realised(counts: ScoreCounts, z: float = Z95) -> dict[str, Figure]:
    """F1, precision, recall, ROC-AUC and Brier score of the rows whose label is known; bounds at 95 % unless told.

    F1 is 2J/(1 + J) with J = TP/(TP + FP + FN), a share, so that its bounds are those of J.
    """
    labelled = counts.sums[[NEGATIVE, POSITIVE]]
    by_flag = labelled.sum(axis=2)
    tp, fp, fn = by_flag[1, 1, N], by_flag[0, 1, N], by_flag[1, 0, N]
    negatives, positives = labelled[..., N].sum(axis=(1, 2))
    if not negatives + positives:
        return {}
    wrong = by_flag[0, :, SQUARE].sum() + (by_flag[1] @ np.array([1.0, -2.0, 1.0])).sum()
    figures = {"brier": Figure(float(wrong / (negatives + positives)))}
    for name, of in (("recall", tp + fn), ("precision", tp + fp)):
        if of:
            figures[name] = Figure(float(tp / of), *confidence_intervals.wilson(tp, of, z))
    if tp + fp + fn:
        share = (tp / (tp + fp + fn), *confidence_intervals.wilson(tp, tp + fp + fn, z))
        figures["f1"] = Figure(*(float(2 * j / (1 + j)) for j in share))
    if positives and negatives:
        per_bin = labelled[..., N].sum(axis=1)
        auc = _roc_auc(per_bin[1], per_bin[0])
        figures["roc_auc"] = Figure(
            auc, *confidence_intervals.roc_auc(auc, int(positives), int(negatives), z)
        )
    return {f"realised_{name}": figure for name, figure in sorted(figures.items())}


def shortfall(counts: ScoreCounts, *, recall: float, roc_auc: float) -> dict[str, float]:
    """How likely so few are found, or ranked so badly, by a model that is as good as the floors: one-sided p-values.

    Of recall by the binomial distribution, of ROC-AUC by the normal one with Hanley and McNeil's deviation at the floor.
    """
    labelled = counts.sums[[NEGATIVE, POSITIVE], ..., N]
    negatives, positives = (int(n) for n in labelled.sum(axis=(1, 2)))
    if not positives:
        return {}
    found = {"realised_recall": float(bdtr(int(labelled[1, 1].sum()), positives, recall))}
    if negatives:
        low, high = confidence_intervals.roc_auc(roc_auc, positives, negatives, 1.0)
        auc = _roc_auc(*labelled.sum(axis=1)[::-1])
        found["realised_roc_auc"] = float(ndtr((auc - roc_auc) / max((high - low) / 2, 1e-12)))
    return found


def _bounded(value: Any, deviation: Any) -> Figure:
    half = Z95 * float(deviation)
    return Figure(float(value), max(0.0, float(value) - half), min(1.0, float(value) + half))


def _roc_auc(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> float:
    """How often a positive lies in a higher bin than a negative; half of those that share one."""
    total = positives.sum() * negatives.sum()
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum() / total) if total else math.nan
