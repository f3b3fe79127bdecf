"""What a model was trained on last, in the baseline's bins, so that one count of the traffic serves both comparisons."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import SCORE_BINS, SCORE_EDGES, Profile, counted, score_bins

ROWS = 200_000  # spread evenly over the training rows; more would change no comparison
GROUPS = 10  # of scores, each with about as many rows


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A model's training profile: newest rows by feature, mean |contribution| in log-odds, and scores of rows it did not see.

    `bins` names the baseline whose bins these are; `scores` counts the bins of scores.
    """

    bins: str
    features: dict[str, Profile]
    importance: dict[str, float]
    scores: list[int]
    explained: int = 1000  # rows that `importance` is the mean of

    @classmethod
    def of(
        cls, bins: str, profiles: Mapping[str, Profile], features: NDArray[np.float64], *,
        contributions: NDArray[np.float64], scores: NDArray[np.float64],
    ) -> "Reference":  # fmt: skip
        """Profile training rows (n, columns), with contributions (m, columns) of some and scores (k,) of others."""
        picked = (
            features[np.unique(np.linspace(0, len(features) - 1, ROWS).astype(int))]
            if len(features) > ROWS
            else features
        )
        return cls(
            bins=bins,
            features={
                name: counted(picked[:, at], laid)
                for at, (name, laid) in enumerate(profiles.items())
            },
            importance=dict(
                zip(profiles, np.abs(contributions).mean(axis=0).tolist(), strict=True)
            ),
            scores=np.bincount(score_bins(scores), minlength=SCORE_BINS).tolist(),
            explained=len(contributions),
        )


def score_profile(
    before: NDArray[np.int64], now: NDArray[np.int64]
) -> tuple[Profile, NDArray[np.int64]]:
    """Two counts of score bins (bins,) in groups that hold about a tenth of the first each; as a profile, and as counts."""
    below = np.cumsum(before) - before
    group = np.minimum(below * GROUPS // max(before.sum(), 1), GROUPS - 1)
    edges = np.concatenate([[0.0], SCORE_EDGES, [1.0]])
    middles = (edges[:-1] + edges[1:]) / 2
    sums = [
        np.bincount(group, weights=weights, minlength=GROUPS)
        for weights in (before, now, before * middles)
    ]
    used = np.unique(group)
    counts, found, moments = (each[used] for each in sums)
    mean = moments.sum() / max(counts.sum(), 1)
    deviation = float(np.sqrt((before * (middles - mean) ** 2).sum() / max(counts.sum(), 1)))
    means = np.where(
        counts > 0,
        moments / np.maximum(counts, 1),
        middles[[int(np.flatnonzero(group == g)[0]) for g in used]],
    )
    profile = Profile(
        edges=[],
        counts=[0, *counts.astype(int).tolist()],
        means=means.tolist(),
        deviation=deviation,
    )
    return profile, np.array([0, *found.astype(int)])
