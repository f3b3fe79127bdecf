"""How precise both models are on the rows that investigators look at; it is reported only."""

from collections.abc import Mapping

import numpy as np

from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.verdict import FurtherValue

NAMES = {"precision": "Precision", "card_precision": "Card Precision"}


def daily_precision(evidence: Evidence) -> dict[str, float]:
    """Precision@k and Card Precision@k of the challenger, and of the champion where there is one.

    Empty unless the policy says how many rows are investigated in a day, and where a score is not a
    finite number.
    """
    metrics = _of(evidence, evidence.challenger_scores)
    for name, value in _of(evidence, evidence.champion_scores).items():
        metrics[f"champion_{name}"] = value
    return metrics


def as_values(metrics: Mapping[str, float]) -> dict[str, FurtherValue]:
    """The metrics as further values of a gate."""
    return {name: FurtherValue(observed=value) for name, value in metrics.items()}


def in_words(metrics: Mapping[str, float]) -> str:
    """The metrics as text, such as `Precision@100 0.412 (champion 0.380)`; empty without one."""
    texts = []
    for name, value in metrics.items():
        if name.startswith("champion_"):
            continue
        kind, _, k = name.rpartition("_at_")
        text = f"{NAMES[kind]}@{k} {value:.3f}"
        champion = metrics.get(f"champion_{name}")
        texts.append(text if champion is None else f"{text} (champion {champion:.3f})")
    return ", ".join(texts)


def _of(evidence: Evidence, scores: np.ndarray | None) -> dict[str, float]:
    if evidence.workload is None or scores is None or not np.isfinite(scores).all():
        return {}
    return evidence.workload.precision(evidence.labels, scores)
