"""The operating threshold: a prediction is flagged when its score reaches it."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from pipelines.rules.use_case.policy_sections.training import Threshold

SMALLEST_SUM = 1e-12  # of precision and recall, so that F1 is defined where both are 0


def operating_threshold(
    labels: NDArray[np.int8], scores: NDArray[np.float64], policy: Threshold
) -> float:
    """Choose the threshold with the best F1 on these rows (n,), or with the least expected cost.

    With calibrated scores the least cost needs no rows: flag where p · miss ≥ (1 − p) · false_alarm
    (Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001).
    """
    if policy.metric == "cost":
        return policy.false_alarm / (policy.false_alarm + policy.miss)
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, SMALLEST_SUM)
    best = int(np.argmax(f1[:-1]))  # the last point has no threshold
    return float(thresholds[best])
