"""Performance of a model: estimated from its scores before labels arrive, realised afterwards.

Estimated performance is confidence-based (CBPE: Kuleshov and Liang, Estimating uncertainty online
against an adversary, AAAI 2017; NannyML's estimator of that name). It is valid as far as scores
are calibrated: when the relation between features and label changes, neither the scores nor the
estimates change.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr

from pipelines.rules.monitoring.binning import SCORE_BINS, score_bins
from pipelines.rules.statistics import confidence_intervals
from pipelines.rules.statistics.confidence_intervals import Z95

# The first axis of the sums: all predictions, and those with a known label by that label.
ALL = 0
NEGATIVE = 1
POSITIVE = 2
# The last axis: the number of predictions, the sum of their scores, the sum of squared scores.
N = 0
SCORE = 1
SQUARE = 2

Scores = NDArray[np.float64]
Sums = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreCounts:
    """One model's predictions summed by label, flag and score bin.

    `sums` (3, 2, bins, 3) holds sums of 1, of the score and of its square.
    """

    sums: Sums

    @classmethod
    def empty(cls) -> "ScoreCounts":
        """The sums of no predictions."""
        return cls(np.zeros((3, 2, SCORE_BINS, 3)))

    @classmethod
    def of(
        cls, scores: Scores, flags: NDArray[np.bool_], labels: NDArray[np.int8] | None = None
    ) -> "ScoreCounts":
        """Sum up predictions (n,); labels (n,) are 0 or 1, -1 while unknown."""
        sums = cls.empty().sums
        ones = np.ones(len(scores))
        squares = scores**2
        terms = np.column_stack([ones, scores, squares])
        flag = flags.astype(int)
        score_bin = score_bins(scores)
        np.add.at(sums[ALL], (flag, score_bin), terms)
        if labels is not None:
            labelled = labels >= 0
            label = labels[labelled] + 1
            cells = (label, flag[labelled], score_bin[labelled])
            np.add.at(sums, cells, terms[labelled])
        return cls(sums)

    @property
    def n(self) -> int:
        """The number of predictions."""
        return int(self.sums[ALL, ..., N].sum())

    @property
    def labelled(self) -> int:
        """The number of predictions with a known label."""
        by_label = self.sums[[NEGATIVE, POSITIVE]]
        return int(by_label[..., N].sum())

    @property
    def positives(self) -> int:
        """The number of predictions with a positive label."""
        return int(self.sums[POSITIVE, ..., N].sum())

    @property
    def true_positives(self) -> int:
        """The number of flagged predictions with a positive label."""
        return int(self.sums[POSITIVE, 1, :, N].sum())

    @property
    def labelled_by_bin(self) -> NDArray[np.float64]:
        """The number of negatives and of positives in each score bin (2, bins)."""
        by_label = self.sums[[NEGATIVE, POSITIVE], ..., N]
        return np.asarray(by_label.sum(axis=1))

    @property
    def bins(self) -> NDArray[np.int64]:
        """The number of predictions in each score bin (bins,)."""
        per_bin = self.sums[ALL, ..., N].sum(axis=0)
        return np.asarray(per_bin, dtype=np.int64)


@dataclass(frozen=True)
class MetricValue:
    """A metric's value with its bounds; NaN where there is no evidence."""

    value: float
    low: float = math.nan
    high: float = math.nan


def proxies(counts: ScoreCounts) -> dict[str, MetricValue]:
    """Metrics that need no labels: flagged share, and mean, deviation and entropy of the scores.

    Entropy is in bits and is that of the mean score of each bin. Bins are so narrow that it differs
    from the entropy of the single rows by less than 0.001. Without predictions there is no metric.
    """
    n = counts.n
    if not n:
        return {}
    sums = counts.sums[ALL]
    flagged = sums[1, :, N].sum()
    mean = sums[..., SCORE].sum() / n
    squares = sums[..., SQUARE].sum()
    squared_deviations = squares - n * mean**2
    variance = squared_deviations / max(n - 1, 1)
    deviation = math.sqrt(max(variance, 0.0))
    entropy = _mean_entropy(sums.sum(axis=0), n)
    return {
        "positive_rate": MetricValue(float(flagged / n)),
        "score_mean": MetricValue(float(mean)),
        "score_sd": MetricValue(deviation),
        "score_entropy": MetricValue(entropy),
    }


def estimated(counts: ScoreCounts) -> dict[str, MetricValue]:
    """Expected F1, precision, recall and ROC-AUC if scores are true probabilities.

    Each flagged row is a true positive with the probability that is its score. So the expected
    number of true positives is the sum of flagged scores, with variance Σ s(1 - s). The 95 % bounds
    are those of the values that would then be observed; they follow to first order.
    """
    n = counts.n
    by_flag = counts.sums[ALL].sum(axis=1)
    not_flagged, flagged = by_flag[:, SCORE]
    positives = flagged + not_flagged
    if not n or positives <= 0:
        return {}
    metrics = _estimated_at_threshold(by_flag)
    negatives = n - positives
    if positives >= 1 and negatives >= 1:
        per_bin = counts.sums[ALL].sum(axis=0)
        rows, expected, _ = per_bin.T
        metrics["roc_auc"] = _bounded_roc_auc(
            _roc_auc(expected, rows - expected),
            round(positives),
            round(negatives),
        )
    return _named("estimated", metrics)


def realised(counts: ScoreCounts, z: float = Z95) -> dict[str, MetricValue]:
    """F1, precision, recall, ROC-AUC and Brier score of the rows whose label is known.

    Bounds are `z` standard deviations from the value, 95 % by default. F1 is 2J/(1 + J) with
    J = TP/(TP + FP + FN), a share, so its bounds are those of J. A metric that the labels do not
    define is left out.
    """
    n_positive = counts.positives
    n_negative = counts.labelled - n_positive
    if not n_negative + n_positive:
        return {}
    by_label = counts.sums[[NEGATIVE, POSITIVE]]
    metrics = _realised_at_threshold(by_label.sum(axis=2), z)
    if n_positive and n_negative:
        negatives, positives = counts.labelled_by_bin
        metrics["roc_auc"] = _bounded_roc_auc(
            _roc_auc(positives, negatives),
            n_positive,
            n_negative,
            z,
        )
    return _named("realised", metrics)


def floor_p_values(counts: ScoreCounts, *, recall: float, roc_auc: float) -> dict[str, float]:
    """One-sided p-values of realised recall and ROC-AUC for a model that is exactly at the floors.

    Recall follows the binomial distribution; ROC-AUC the normal one with Hanley and McNeil's
    deviation at the floor. A metric that the labels do not define is left out.
    """
    n_positive = counts.positives
    n_negative = counts.labelled - n_positive
    if not n_positive:
        return {}
    recall_p_value = bdtr(counts.true_positives, n_positive, recall)
    p_values = {"realised_recall": float(recall_p_value)}
    if n_negative:
        low, high = confidence_intervals.roc_auc(roc_auc, n_positive, n_negative, 1.0)
        deviation = max((high - low) / 2, 1e-12)
        negatives, positives = counts.labelled_by_bin
        excess = _roc_auc(positives, negatives) - roc_auc
        roc_auc_p_value = ndtr(excess / deviation)
        p_values["realised_roc_auc"] = float(roc_auc_p_value)
    return p_values


def _mean_entropy(per_bin: Sums, n: int) -> float:
    """The mean entropy in bits of n predictions, from the sums of each score bin (bins, 3)."""
    rows, scores, _ = per_bin.T
    with np.errstate(divide="ignore", invalid="ignore"):
        p = scores / rows
        positive_bits = p * np.log2(p)
        negative_bits = (1 - p) * np.log2(1 - p)
        bits = -(positive_bits + negative_bits)
    total = (rows * np.nan_to_num(bits)).sum()
    return float(total / n)


def _estimated_at_threshold(by_flag: Sums) -> dict[str, MetricValue]:
    """Estimated recall, F1 and precision, from the sums (2, 3) of rows not flagged and flagged."""
    flagged, tp, tp_squares = by_flag[1]
    _, fn, fn_squares = by_flag[0]
    positives = tp + fn
    recall = tp / positives
    f1 = 2 * tp / (flagged + positives)
    tp_variance = max(tp - tp_squares, 0.0)
    fn_variance = max(fn - fn_squares, 0.0)
    # To first order: by the derivatives with respect to TP and FN, times the denominator.
    recall_by_tp = (1 - recall) ** 2 * tp_variance
    recall_by_fn = recall**2 * fn_variance
    recall_deviation = math.sqrt(recall_by_tp + recall_by_fn) / positives
    f1_by_tp = (2 - f1) ** 2 * tp_variance
    f1_by_fn = f1**2 * fn_variance
    f1_deviation = math.sqrt(f1_by_tp + f1_by_fn) / (flagged + positives)
    metrics = {
        "recall": _bounded(recall, recall_deviation),
        "f1": _bounded(f1, f1_deviation),
    }
    if flagged:
        precision_deviation = math.sqrt(tp_variance) / flagged
        metrics["precision"] = _bounded(tp / flagged, precision_deviation)
    return metrics


def _realised_at_threshold(by_flag: Sums, z: float) -> dict[str, MetricValue]:
    """Realised Brier score, recall, precision and F1, from the sums (label, flag, 3)."""
    negative, positive = by_flag
    fp = negative[1, N]
    fn, tp = positive[:, N]
    # Σ (s - y)²: Σ s² of the negatives, Σ (1 - 2 s + s²) of the positives.
    negative_error = negative[:, SQUARE].sum()
    coefficients = np.array([1.0, -2.0, 1.0])
    positive_error = (positive @ coefficients).sum()
    n = by_flag[..., N].sum()
    brier = (negative_error + positive_error) / n
    metrics = {"brier": MetricValue(float(brier))}
    if tp + fn:
        metrics["recall"] = _share(tp, tp + fn, z)
    if tp + fp:
        metrics["precision"] = _share(tp, tp + fp, z)
    if tp + fp + fn:
        jaccard = _share(tp, tp + fp + fn, z)
        metrics["f1"] = MetricValue(
            value=_f1_of(jaccard.value),
            low=_f1_of(jaccard.low),
            high=_f1_of(jaccard.high),
        )
    return metrics


def _f1_of(jaccard: float) -> float:
    return float(2 * jaccard / (1 + jaccard))


def _share(successes: float, n: float, z: float) -> MetricValue:
    low, high = confidence_intervals.wilson(successes, int(n), z)
    return MetricValue(
        value=float(successes / n),
        low=low,
        high=high,
    )


def _bounded_roc_auc(auc: float, positives: int, negatives: int, z: float = Z95) -> MetricValue:
    low, high = confidence_intervals.roc_auc(auc, positives, negatives, z)
    return MetricValue(auc, low, high)


def _bounded(value: float, deviation: float) -> MetricValue:
    value = float(value)
    half_width = Z95 * float(deviation)
    return MetricValue(
        value=value,
        low=max(0.0, value - half_width),
        high=min(1.0, value + half_width),
    )


def _named(prefix: str, metrics: dict[str, MetricValue]) -> dict[str, MetricValue]:
    in_order = sorted(metrics.items())
    return {f"{prefix}_{name}": metric for name, metric in in_order}


def _roc_auc(positives: Sums, negatives: Sums) -> float:
    """The probability that a positive has a higher bin than a negative; half for ties."""
    total = positives.sum() * negatives.sum()
    if not total:
        return math.nan
    below = np.cumsum(negatives) - negatives
    won = positives * (below + negatives / 2)
    return float(won.sum() / total)
