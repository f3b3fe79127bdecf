"""Count predictions by time bucket and model version: in bins of features, and of scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import SCORE_BINS, Profile, bins, score_bins

Cell = tuple[int, int]  # bucket, model version
Columns = dict[str, list[Any]]
FEATURE_COLUMNS = ("buckets", "versions", "features", "bins", "counts")
SCORE_COLUMNS = ("buckets", "versions", "flags", "bins", "counts", "scores", "squares")
CLOCK_TOLERANCE = 60_000_000  # microseconds by which clocks may differ
MAX_VERSIONS = 2**20  # of a model: bucket and version are packed into one number


@dataclass(frozen=True, kw_only=True)
class PredictionBatch:
    """A batch of n predictions: times, model versions, scores and flags, each (n,).

    `scored_at` is in microseconds since 1970. `known` (n,) tells which predictions were made under
    a recorded contract; `features` (m, profiles) are those of the m known ones, converted to the
    current contract.
    """

    scored_at: NDArray[np.int64]
    version: NDArray[np.int64]
    score: NDArray[np.float64]
    flag: NDArray[np.int64]
    known: NDArray[np.bool_]
    features: NDArray[np.float64]


@dataclass
class Rollup:
    """Counts of predictions that are added batch by batch; its size is independent of the rows.

    `step` is the length of a bucket, `time` the current time, and `since` the beginning of the
    window that drift checks compare, all in microseconds.
    """

    profiles: Mapping[str, Profile]
    step: int
    time: int
    since: int
    rows: int = 0
    recent: int = 0  # scored since `since`
    ahead: int = 0  # scored later than `time`: a clock is wrong
    # Made under a contract that is not recorded: their scores are counted, their features are not.
    foreign: int = 0
    _features: dict[Cell, list[NDArray[np.int64]]] = field(default_factory=dict)
    _scores: dict[Cell, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, predictions: PredictionBatch) -> None:
        """Count a batch."""
        scored_at = predictions.scored_at
        known = predictions.known
        foreign = ~known
        ahead = scored_at > self.time + CLOCK_TOLERANCE
        self.rows += len(scored_at)
        self.foreign += int(foreign.sum())
        self.ahead += int(ahead.sum())
        self.recent += int((scored_at >= self.since).sum())
        keys = scored_at // self.step * MAX_VERSIONS + predictions.version
        unique_keys, cell_index = np.unique(keys, return_inverse=True)
        cells = [divmod(key, MAX_VERSIONS) for key in unique_keys.tolist()]
        self._add_scores(cells, cell_index, predictions)
        self._add_features(cells, cell_index[known], predictions.features)

    @property
    def cells(self) -> int:
        """The number of buckets and versions in memory, about 15 kB each."""
        return len(self._scores)

    def clear(self) -> None:
        """Remove the counts from memory once they are stored; `rows` and the like remain."""
        self._features.clear()
        self._scores.clear()

    def features(self) -> Columns:
        """FEATURE_COLUMNS, a row for each bin that is not empty; buckets in µs since 1970."""
        columns: Columns = {name: [] for name in FEATURE_COLUMNS}
        for (bucket, version), counts_by_feature in self._features.items():
            for feature, counts in zip(self.profiles, counts_by_feature, strict=True):
                used = np.flatnonzero(counts)
                bin_indices = used - 1
                _extend(
                    columns,
                    len(used),
                    buckets=bucket * self.step,
                    versions=version,
                    features=feature,
                )
                columns["bins"] += bin_indices.tolist()
                columns["counts"] += counts[used].tolist()
        return columns

    def scores(self) -> Columns:
        """SCORE_COLUMNS, a row for each bin that is not empty; `scores` and `squares` are sums."""
        columns: Columns = {name: [] for name in SCORE_COLUMNS}
        for (bucket, version), sums in self._scores.items():
            flags, used = np.nonzero(sums[0])
            counts, scores, squares = sums[:, flags, used]
            _extend(
                columns,
                len(used),
                buckets=bucket * self.step,
                versions=version,
            )
            columns["flags"] += flags.tolist()
            columns["bins"] += used.tolist()
            columns["counts"] += counts.astype(int).tolist()
            columns["scores"] += scores.tolist()
            columns["squares"] += squares.tolist()
        return columns

    def _add_features(
        self, cells: list[Cell], cell_index: NDArray[np.int64], features: NDArray[np.float64]
    ) -> None:
        columns = np.ascontiguousarray(features.T)  # each column is read many times
        for number, profile in enumerate(self.profiles.values()):
            shape = (len(cells), len(profile.edges) + 2)
            size = shape[0] * shape[1]
            offsets = cell_index * shape[1] + 1
            indices = offsets + bins(columns[number], profile.edges)
            counts = np.bincount(indices, minlength=size)
            counts_by_cell = counts.reshape(shape)
            for cell, added in zip(cells, counts_by_cell, strict=True):
                self._add_counts(cell, number, added)

    def _add_counts(self, cell: Cell, number: int, added: NDArray[np.int64]) -> None:
        """Add counts of the bins of the feature with this number."""
        if cell not in self._features:
            nothing = np.zeros(0, np.int64)
            self._features[cell] = [nothing] * len(self.profiles)
        by_feature = self._features[cell]
        counts = by_feature[number]
        by_feature[number] = counts + added if len(counts) else added

    def _add_scores(
        self, cells: list[Cell], cell_index: NDArray[np.int64], predictions: PredictionBatch
    ) -> None:
        score = predictions.score
        shape = (len(cells), 2, SCORE_BINS)
        size = len(cells) * 2 * SCORE_BINS
        row = cell_index * 2 + predictions.flag
        indices = row * SCORE_BINS + score_bins(score)
        sums = [
            np.bincount(indices, weights=weights, minlength=size).reshape(shape)
            for weights in (None, score, score**2)
        ]
        by_cell = np.stack(sums, axis=1)
        for cell, added in zip(cells, by_cell, strict=True):
            if cell in self._scores:
                self._scores[cell] = self._scores[cell] + added
            else:
                self._scores[cell] = added


def _extend(columns: Columns, n: int, **values: object) -> None:
    for name, value in values.items():
        columns[name] += [value] * n
