"""The operating threshold: from which score on a row is flagged."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from pipelines.rules.use_case.policy import Threshold


def operating_threshold(
    labels: NDArray[np.int8], scores: NDArray[np.float64], policy: Threshold
) -> float:
    """Choose by policy: the best F1 on these rows (n,), or the least expected cost.

    With calibrated scores the least cost needs no rows: flag where p · miss ≥ (1 - p) · false_alarm (Elkan, The Foundations of
    Cost-Sensitive Learning, IJCAI 2001).
    """
    if policy.metric == "cost":
        return policy.false_alarm / (policy.false_alarm + policy.miss)
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[int(np.argmax(f1[:-1]))])
