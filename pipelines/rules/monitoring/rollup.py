"""Predictions counted: into the baseline's bins by feature, and by their scores, per time bucket and model version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import SCORE_BINS, Profile, bins, score_bins

Cell = tuple[int, int]  # bucket, model version
Columns = dict[str, list[Any]]
TOLERANCE = 60_000_000  # microseconds by which clocks may differ
VERSIONS = 2**20  # of a model, at most: bucket and version make one number


@dataclass(frozen=True, kw_only=True)
class PredictionBatch:
    """Some predictions (n,): when (microseconds since 1970), by which version, their scores and labels.

    `features` (m, columns) are of the `known` ones among them (n,), those that were made under the contract.
    """

    scored_at: NDArray[np.int64]
    version: NDArray[np.int64]
    score: NDArray[np.float64]
    flag: NDArray[np.int64]
    known: NDArray[np.bool_]
    features: NDArray[np.float64]


@dataclass
class Rollup:
    """Counts that grow piece by piece and never with the rows, in buckets of `step` microseconds, as of a `time`."""

    profiles: Mapping[str, Profile]
    step: int
    time: int
    rows: int = 0
    ahead: int = 0  # answered later than that: somebody's clock is wrong
    foreign: int = (
        0  # answered under another contract: their scores count, their features are other columns
    )
    _features: dict[Cell, list[NDArray[np.int64]]] = field(default_factory=dict)
    _scores: dict[Cell, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, answers: PredictionBatch) -> None:
        """Count some more."""
        keys, at = np.unique(
            answers.scored_at // self.step * VERSIONS + answers.version, return_inverse=True
        )
        cells = [divmod(key, VERSIONS) for key in keys.tolist()]
        self.rows += len(at)
        self.foreign += int((~answers.known).sum())
        self.ahead += int((answers.scored_at > self.time + TOLERANCE).sum())
        self._add_scores(cells, at, answers)
        self._add_features(cells, at[answers.known], answers.features)

    @property
    def cells(self) -> int:
        """Buckets and versions held in memory, some 15 kB each."""
        return len(self._scores)

    def clear(self) -> None:
        """Let go of the counts, once they are kept; what was counted is remembered."""
        self._features.clear()
        self._scores.clear()

    def features(self) -> Columns:
        """Columns buckets (microseconds since 1970), versions, features, bins and counts; empty bins are left out."""
        columns: Columns = {"buckets": [], "versions": [], "features": [], "bins": [], "counts": []}
        for (bucket, version), counted in self._features.items():
            for name, counts in zip(self.profiles, counted, strict=True):
                there = np.flatnonzero(counts)
                _extend(
                    columns, len(there), buckets=bucket * self.step, versions=version, features=name
                )
                columns["bins"] += (there - 1).tolist()
                columns["counts"] += counts[there].tolist()
        return columns

    def scores(self) -> Columns:
        """Columns buckets, versions, flags, bins, counts, and the sums of scores and of their squares."""
        columns: Columns = {
            name: []
            for name in ("buckets", "versions", "flags", "bins", "counts", "scores", "squares")
        }
        for (bucket, version), sums in self._scores.items():
            flags, there = np.nonzero(sums[0])
            _extend(columns, len(there), buckets=bucket * self.step, versions=version)
            columns["flags"] += flags.tolist()
            columns["bins"] += there.tolist()
            for name, values in zip(
                ("counts", "scores", "squares"), sums[:, flags, there], strict=True
            ):
                columns[name] += (values.astype(int) if name == "counts" else values).tolist()
        return columns

    def _add_features(
        self, cells: list[Cell], at: NDArray[np.int64], features: NDArray[np.float64]
    ) -> None:
        columns = np.ascontiguousarray(features.T)  # each is passed over many times
        for column, profile in enumerate(self.profiles.values()):
            width = len(profile.edges) + 2
            placed = at * width + bins(columns[column], profile.edges) + 1
            counts = np.bincount(placed, minlength=len(cells) * width).reshape(len(cells), width)
            for cell, count in zip(cells, counts, strict=True):
                kept = self._features.setdefault(cell, [np.zeros(0, np.int64)] * len(self.profiles))
                kept[column] = kept[column] + count if len(kept[column]) else count

    def _add_scores(
        self, cells: list[Cell], at: NDArray[np.int64], answers: PredictionBatch
    ) -> None:
        shape = (len(cells), 2, SCORE_BINS)
        placed = (at * 2 + answers.flag) * SCORE_BINS + score_bins(answers.score)
        sums = [
            np.bincount(placed, weights=weights, minlength=int(np.prod(shape))).reshape(shape)
            for weights in (None, answers.score, answers.score**2)
        ]
        for cell, found in zip(cells, np.stack(sums, axis=1), strict=True):
            self._scores[cell] = self._scores[cell] + found if cell in self._scores else found


def _extend(columns: Columns, n: int, **values: object) -> None:
    for name, value in values.items():
        columns[name] += [value] * n
