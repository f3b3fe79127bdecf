"""The operating threshold: a prediction is flagged when its score reaches it."""

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.rules.statistics.confidence_intervals import Z999, wilson
from pipelines.rules.training.daily_capacity import Capacity
from pipelines.rules.use_case.policy_sections.training import Threshold

SMALLEST_SUM = 1e-12  # of precision and recall, so that F1 is defined where both are 0
SAME_LEVEL = 1e-9  # relative difference of scores that differ by rounding only
ABOVE_ALL = float(np.nextafter(1.0, 2.0))  # a threshold that no score reaches

Labels = NDArray[np.int8]
Scores = NDArray[np.float64]


def operating_threshold(
    labels: Labels,
    scores: Scores,
    final: Scores,
    policy: Threshold,
    capacity: Capacity | None = None,
) -> float:
    """Choose the threshold of these rows (n,) by the metric of the policy.

    It has the best F1, or the least expected cost, or it is the lowest with which no day has more
    flagged rows than investigators can work off (`capacity`).

    `scores` are of models that did not see the rows, `final` of the model that will serve. A
    threshold lies between two levels of scores, so that small differences flag no other rows. Where
    few features give few levels, these are the levels of the model that will serve. Otherwise a
    level of one model could be just above the threshold, and that of the other just below it.

    With calibrated scores the least cost needs no rows: flag where p · miss ≥ (1 − p) · false_alarm
    (Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001).

    Raises ModelRejected where every threshold exceeds the capacity or flags no row.
    """
    coarse = is_coarse(final)
    if policy.metric == "alerts":
        if capacity is None:
            raise ValueError("metric alerts needs the capacity of these rows")
        return _within_capacity(capacity, scores, _cuts(levels(final if coarse else scores)))
    if policy.metric == "cost":
        cost = policy.false_alarm / (policy.false_alarm + policy.miss)
        return _between_levels(cost, levels(final)) if coarse else cost
    cuts = _cuts(levels(final)) if coarse else _cuts(np.unique(scores))
    precision, recall = _precision_and_recall(labels, scores, cuts)
    f1 = 2 * precision * recall / np.maximum(precision + recall, SMALLEST_SUM)
    return float(cuts[np.argmax(f1)])


def is_coarse(scores: Scores) -> bool:
    """Whether most rows (n,) share their score with others."""
    return 2 * len(levels(scores)) <= len(scores)


def levels(scores: Scores) -> Scores:
    """The distinct scores in ascending order; scores that differ by rounding only are one level."""
    distinct = np.unique(scores)
    is_new = np.diff(distinct) > SAME_LEVEL * distinct[1:]
    first: Scores = distinct[np.concatenate([[True], is_new])]
    return first


def why_inconsistent(labels: Labels, scores: Scores, final: Scores, threshold: float) -> str | None:
    """Why the model that will serve does not flag as the unseen rows (n,) say; None if it does.

    It may flag fewer positives, or more negatives, only as far as chance explains it (99.9 %
    intervals). It saw these rows, so finding more positives or fewer false ones proves nothing.
    """
    for label, name, sign in ((1, "positives", 1), (0, "negatives", -1)):
        rows = labels == label
        count = int(rows.sum())
        judged = int((scores[rows] >= threshold).sum())
        flagged = int((final[rows] >= threshold).sum())
        low, high = wilson(judged, count, Z999)
        final_low, final_high = wilson(flagged, count, Z999)
        apart = final_high < low if sign > 0 else final_low > high
        if apart:
            return (
                f"at its threshold {threshold:.4g} it flags {flagged:,} of {count:,} {name}, and "
                f"models that did not see these rows flag {judged:,}"
            )
    return None


def _within_capacity(capacity: Capacity, scores: Scores, cuts: Scores) -> float:
    """The lowest of the cuts (m,) that keeps the budget of every day and flags a row (n,)."""
    excess = capacity.highest_excess(scores)
    position = int(np.searchsorted(cuts, excess, side="right"))
    if position == len(cuts) or scores.max() < cuts[position]:
        raise ModelRejected(capacity.why_exceeded(scores >= excess))
    return float(cuts[position])


def _cuts(distinct: Scores) -> Scores:
    """One threshold below each level: the middle between it and the level below it, or 0."""
    below = np.concatenate([[0.0], distinct[:-1]])
    return (below + distinct) / 2


def _between_levels(threshold: float, distinct: Scores) -> float:
    """The middle between the levels on either side of a threshold; the last level is below 1."""
    position = int(np.searchsorted(distinct, threshold))
    cuts = _cuts(np.append(distinct, 1.0))
    return float(cuts[position])


def _precision_and_recall(labels: Labels, scores: Scores, cuts: Scores) -> tuple[Scores, Scores]:
    """Precision and recall (m,) of rows (n,) that are flagged from each cut (m,) on."""
    positives = np.sort(scores[labels == 1])
    flagged = len(scores) - np.searchsorted(np.sort(scores), cuts)
    hits = len(positives) - np.searchsorted(positives, cuts)
    return hits / np.maximum(flagged, 1), hits / max(len(positives), 1)
