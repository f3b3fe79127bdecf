"""Bins of a baseline: how a feature's values are divided into bins, and how many rows each holds.

A numeric feature has the deciles of the baseline, a bin for each of its most frequent values, one
below its minimum and one above its maximum. A categorical feature has a bin for each category,
and one for categories that the contract does not know. Missing values have the first count.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract, Feature

LINEAR_SEARCH_EDGES = 24  # up to so many edges, comparing with each is faster than a binary search
QUANTILES = np.linspace(0, 1, 11)
MISSING = -1
# A value with at least this share of the rows has a bin of its own: a move from 0 to slightly more
# is drift, too.
FREQUENT_SHARE = 0.1
SCORE_EDGES = 1 / (1 + np.exp(-np.arange(-120, 121) / 10))  # a tenth of log-odds apart
SCORE_BINS = len(SCORE_EDGES) + 1


class Profile(Struct, frozen=True):
    """One column's bins: bin i holds edges[i-1] ≤ value < edges[i], bin -1 the missing values.

    `counts[0]` is the number of missing values, `counts[i + 1]` that of bin i. `means` holds the
    mean of the baseline's values in each bin except bin -1 (an edge where a bin has no values);
    `deviation` is the standard deviation of those values. `outside` lists the bins, except -1, in
    which no value of the baseline can lie.
    """

    edges: list[float]
    counts: list[int]
    means: list[float] = []
    deviation: float = 0.0
    outside: list[int] = []

    @property
    def total(self) -> int:
        """The number of counted rows."""
        return sum(self.counts)


def profile(column: NDArray[np.float64], feature: Feature | None = None) -> Profile:
    """Choose bins for a column of the baseline (n,) and count it."""
    edges, outside = _bins(column, feature)
    empty = Profile(edges, [], outside=outside)
    return profile_like(column, empty)


def profile_like(column: NDArray[np.float64], reference: Profile) -> Profile:
    """Profile another column (n,) in the bins of `reference`."""
    edges = reference.edges
    finite = column[np.isfinite(column)]
    return Profile(
        edges=edges,
        counts=count(column, edges),
        outside=reference.outside,
        means=_bin_means(finite, edges),
        deviation=_deviation(finite),
    )


def profiles(columns: NDArray[np.float64], contract: Contract) -> dict[str, Profile]:
    """Profile every column of an (n, columns) matrix in the contract's order."""
    features = {feature.name: feature for feature in contract.features}
    return {
        name: profile(columns[:, index], features.get(name))
        for index, name in enumerate(contract.columns)
    }


def bins(column: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.int64]:
    """The bin of each value (n,): -1 where it is missing, otherwise 0 … len(edges)."""
    if len(edges) > LINEAR_SEARCH_EDGES:
        indices = np.searchsorted(np.asarray(edges), column, side="right")
    else:
        passed = np.zeros(len(column), np.int16)
        for edge in edges:
            passed += column >= edge
        indices = passed.astype(np.int64)
    return np.where(np.isnan(column), MISSING, indices)


def count(column: NDArray[np.float64], edges: list[float]) -> list[int]:
    """The number of values that are missing, in bin 0, in bin 1, …"""
    shifted = bins(column, edges) + 1
    width = len(edges) + 2
    counts = np.bincount(shifted, minlength=width)
    return [int(n) for n in counts]


def score_bins(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each score (n,), 0 … len(SCORE_EDGES); the same bins for every model."""
    return np.searchsorted(SCORE_EDGES, scores, side="right")


def _deviation(finite: NDArray[np.float64]) -> float:
    """The standard deviation of values (n,); exactly 0 when all of them are equal."""
    if not len(finite):
        return 0.0
    if np.ptp(finite) == 0:
        return 0.0
    return float(finite.std())


def _bin_means(finite: NDArray[np.float64], edges: list[float]) -> list[float]:
    """The mean of the values (n,) in each bin; the nearest edge where a bin has none."""
    indices = np.searchsorted(np.asarray(edges), finite, side="right")
    width = len(edges) + 1
    n = np.bincount(indices, minlength=width)
    sums = np.bincount(indices, weights=finite, minlength=width)
    means = sums / np.maximum(n, 1)
    nearest = [0.0]
    if edges:
        nearest = [*edges, edges[-1]]
    filled: list[float] = np.where(n > 0, means, nearest).tolist()
    return filled


def _bins(column: NDArray[np.float64], feature: Feature | None) -> tuple[list[float], list[int]]:
    """Edges, and the bins that lie outside the baseline."""
    if feature and feature.type == "bool":
        return [0.5], []
    if feature and feature.type == "category":
        n = len(feature.values)
        edges = [index + 0.5 for index in range(n)]
        return edges, [n]
    finite = column[np.isfinite(column)]
    if not len(finite):
        return [], []
    edges = _numeric_edges(finite)
    return edges, [0, len(edges)]


def _numeric_edges(finite: NDArray[np.float64]) -> list[float]:
    """Deciles, each frequent value and the next number above it, and the one above the maximum."""
    values, counts = np.unique(finite, return_counts=True)
    deciles = np.quantile(finite, QUANTILES[:-1])
    is_frequent = counts >= FREQUENT_SHARE * len(finite)
    frequent = values[is_frequent]
    maximum = values[-1]
    above = np.nextafter([*frequent, maximum], np.inf)
    edges = np.unique([*deciles, *frequent, *above])
    return [float(edge) for edge in edges]
