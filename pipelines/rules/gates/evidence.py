"""The evidence that gates judge: the same labelled rows, scored by champion and challenger."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.gates.score_bands import Parts
from pipelines.rules.statistics.precision_at_k import Workload


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Held-out rows: n labelled ones of `predictions` matured predictions.

    labels (n,) 0 or 1 · scores (n,) in [0, 1] · flags (n,) whether score ≥ the model's own
    threshold · coverage: by band of scores, the labelled rows and all rows · slices: name and
    mask (n,) · workload: the days of the rows, where the policy says how many are investigated in a
    day · is_equal_work: whether the champion flags as many rows as the challenger, and not those
    from its own threshold on. Without a champion its arrays are None.
    """

    labels: NDArray[np.int8]
    challenger_scores: NDArray[np.float64]
    challenger_flags: NDArray[np.bool_]
    champion_scores: NDArray[np.float64] | None = None
    champion_flags: NDArray[np.bool_] | None = None
    predictions: int
    coverage: Parts = field(default_factory=dict)
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    workload: Workload | None = None
    is_equal_work: bool = False

    @property
    def positives(self) -> int:
        """The number of labels of the positive class."""
        return int(self.labels.sum())

    @property
    def negatives(self) -> int:
        """The number of labels of the negative class."""
        return len(self.labels) - self.positives

    @property
    def hash(self) -> str:
        """SHA-256 of the content; a promotion checks that the evidence is still the judged one."""
        content = hashlib.sha256(str(self.predictions).encode())
        arrays = (
            self.labels,
            self.challenger_scores,
            self.challenger_flags,
            self.champion_scores,
            self.champion_flags,
        )
        for array in arrays:
            if array is None:
                content.update(b"-")
            else:
                content.update(np.ascontiguousarray(array).tobytes())
        for band, (labelled, rows) in sorted(self.coverage.items()):
            content.update(f"{band}{labelled}/{rows}".encode())
        for name, mask in sorted(self.slices.items()):
            content.update(name.encode())
            content.update(np.ascontiguousarray(mask).tobytes())
        if self.workload is not None:
            content.update(f"workload {self.workload.per_day}".encode())
            content.update(self.workload.days.tobytes())
            entities = self.workload.entities
            content.update(b"-" if entities is None else entities.tobytes())
        return content.hexdigest()


def table(evidence: Evidence) -> NDArray[np.int64]:
    """Count rows by (label, champion's flag, challenger's flag): (2, 2, 2), for a paired F1.

    ValueError without a champion.
    """
    if evidence.champion_flags is None:
        raise ValueError("paired counts need a champion")
    label = 4 * evidence.labels.astype(np.int64)
    champion = 2 * evidence.champion_flags
    cell = label + champion + evidence.challenger_flags
    return np.bincount(cell, minlength=8).reshape(2, 2, 2)


def f1_scores(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 of champion and challenger from (..., 2, 2, 2) counts.

    F1 is 2·TP / (2·TP + FP + FN), and 0 where no row is positive or flagged.
    """
    positive = counts[..., 1, :, :]
    negative = counts[..., 0, :, :]
    champion = _f1(
        tp=positive[..., 1, :].sum(-1),
        fp=negative[..., 1, :].sum(-1),
        fn=positive[..., 0, :].sum(-1),
    )
    challenger = _f1(
        tp=positive[..., :, 1].sum(-1),
        fp=negative[..., :, 1].sum(-1),
        fn=positive[..., :, 0].sum(-1),
    )
    return champion, challenger


def _f1(
    *, tp: NDArray[np.int64], fp: NDArray[np.int64], fn: NDArray[np.int64]
) -> NDArray[np.float64]:
    twice = 2 * tp
    denominator = np.maximum(twice + fp + fn, 1)
    return np.asarray(twice / denominator, dtype=np.float64)
