"""The profile of a model's evaluation data, in the bins of the baseline.

Because the bins are the same, traffic is counted once for both comparisons.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import (
    SCORE_BINS,
    SCORE_EDGES,
    Profile,
    profile_like,
    score_bins,
)

MAX_ROWS = 200_000  # spread evenly over the rows; more would change no comparison
GROUPS = 10  # of scores, each with about as many rows


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A model's profile: features and scores of its evaluation data, and importance in training.

    `bins` names the baseline whose bins the features have. `importance` is the mean |contribution|
    of each feature in log-odds; `scores` counts by score bin the rows that the model did not see.
    """

    bins: str
    features: dict[str, Profile]
    importance: dict[str, float]
    scores: list[int]
    explained: int = 1000  # the number of rows that `importance` is the mean of

    @classmethod
    def of(
        cls,
        bins: str,
        profiles: Mapping[str, Profile],
        features: NDArray[np.float64],
        *,
        contributions: NDArray[np.float64],
        scores: NDArray[np.float64],
        columns: Sequence[str] = (),
        newer: Mapping[str, Profile] | None = None,
    ) -> "Reference":
        """Profile evaluation data (n, columns); `columns` are by default those of `profiles`.

        `contributions` (m, columns) are of some rows, `scores` (k,) of rows the model did not see.
        `newer` are profiles of columns that the baseline does not have.
        """
        names = columns or tuple(profiles)
        sample = _evenly_drawn(features, MAX_ROWS)
        means = np.abs(contributions).mean(axis=0)
        score_counts = np.bincount(score_bins(scores), minlength=SCORE_BINS)
        return cls(
            bins=bins,
            features={
                name: profile_like(sample[:, index], profiles[name])
                for index, name in enumerate(names)
                if name in profiles
            }
            | dict(newer or {}),
            importance=dict(zip(names, means.tolist(), strict=True)),
            scores=score_counts.tolist(),
            explained=len(contributions),
        )

    def with_features(self, features: dict[str, Profile]) -> "Reference":
        """Return the profile with other features."""
        return msgspec.structs.replace(self, features=features)


def score_profile(
    before: NDArray[np.int64], now: NDArray[np.int64]
) -> tuple[Profile, NDArray[np.int64]]:
    """Merge two counts of score bins (bins,) into groups that each hold about a tenth of `before`.

    Returns the profile of `before`, and the counts of `now` in its bins.
    """
    total = max(before.sum(), 1)
    below = np.cumsum(before) - before
    group = np.minimum(below * GROUPS // total, GROUPS - 1)
    used, first_bins = np.unique(group, return_index=True)
    middles = _score_middles()
    counts_before = _group_sums(group, before)[used]
    counts_now = _group_sums(group, now)[used]
    moments = _group_sums(group, before * middles)[used]
    means = np.where(
        counts_before > 0,
        moments / np.maximum(counts_before, 1),
        middles[first_bins],
    )
    mean = moments.sum() / total
    squares = before * (middles - mean) ** 2
    variance = squares.sum() / total
    counts = counts_before.astype(int).tolist()
    profile = Profile(
        edges=[],
        counts=[0, *counts],
        means=means.tolist(),
        deviation=float(np.sqrt(variance)),
    )
    return profile, np.array([0, *counts_now.astype(int)])


def _evenly_drawn(rows: NDArray[np.float64], limit: int) -> NDArray[np.float64]:
    """At most `limit` rows, spread evenly."""
    if len(rows) <= limit:
        return rows
    last = len(rows) - 1
    positions = np.linspace(0, last, limit).astype(int)
    return np.asarray(rows[np.unique(positions)])


def _score_middles() -> NDArray[np.float64]:
    """The middle of each score bin (bins,)."""
    lower = np.array([0.0, *SCORE_EDGES])
    upper = np.array([*SCORE_EDGES, 1.0])
    middles: NDArray[np.float64] = (lower + upper) / 2
    return middles


def _group_sums(group: NDArray[np.int64], weights: NDArray[Any]) -> NDArray[np.float64]:
    sums = np.bincount(group, weights=weights, minlength=GROUPS)
    return np.asarray(sums, dtype=np.float64)
