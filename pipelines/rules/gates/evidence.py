"""The evidence that gates judge: the same labelled rows, scored by champion and challenger."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.gates.score_bands import Parts


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Held-out rows, n labelled ones of `predictions` matured ones; without a champion its arrays are None.

    labels (n,) 0 or 1 · scores (n,) in [0, 1] · flags (n,) whether score ≥ the model's own threshold · coverage: labelled rows
    of all by band of scores · slices: name and mask (n,)
    """

    labels: NDArray[np.int8]
    challenger_scores: NDArray[np.float64]
    challenger_flags: NDArray[np.bool_]
    champion_scores: NDArray[np.float64] | None = None
    champion_flags: NDArray[np.bool_] | None = None
    predictions: int
    coverage: Parts = field(default_factory=dict)
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def positives(self) -> int:
        """How many labels are of the positive class."""
        return int(self.labels.sum())

    @property
    def negatives(self) -> int:
        """How many are not."""
        return len(self.labels) - self.positives

    @property
    def hash(self) -> str:
        """Name the evidence by content, for a promotion to check that it is still what was judged."""
        content = hashlib.sha256(str(self.predictions).encode())
        for array in (
            self.labels,
            self.challenger_scores,
            self.challenger_flags,
            self.champion_scores,
            self.champion_flags,
        ):
            content.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
        for band, (labelled, all_) in sorted(self.coverage.items()):
            content.update(f"{band}{labelled}/{all_}".encode())
        for name, mask in sorted(self.slices.items()):
            content.update(name.encode() + np.ascontiguousarray(mask).tobytes())
        return content.hexdigest()


def table(evidence: Evidence) -> NDArray[np.int64]:
    """Count rows by (label, champion says, challenger says): the (2, 2, 2) counts on which a paired F1 depends."""
    if evidence.champion_flags is None:
        raise ValueError("paired counts need a champion")
    cell = (
        4 * evidence.labels.astype(np.int64)
        + 2 * evidence.champion_flags
        + evidence.challenger_flags
    )
    return np.bincount(cell, minlength=8).reshape(2, 2, 2)


def f1_scores(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 of champion and challenger from (..., 2, 2, 2) counts: 2·TP / (2·TP + FP + FN), 0 where nothing is positive."""
    positive, negative = counts[..., 1, :, :], counts[..., 0, :, :]
    champion = _f1(
        positive[..., 1, :].sum(-1), negative[..., 1, :].sum(-1), positive[..., 0, :].sum(-1)
    )
    challenger = _f1(
        positive[..., :, 1].sum(-1), negative[..., :, 1].sum(-1), positive[..., :, 0].sum(-1)
    )
    return champion, challenger


def _f1(tp: NDArray[np.int64], fp: NDArray[np.int64], fn: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(2 * tp / np.maximum(2 * tp + fp + fn, 1), dtype=np.float64)
