"""Bins of a baseline: where a feature's values fall, and how many did.

A number's bins are deciles of the baseline and its commonest values, with one below its least and one above its greatest; a
category has one each, and one for what the contract does not know. Missing values are counted before all others.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract, Feature

FEW = 24  # edges
QUANTILES = np.linspace(0, 1, 11)
MISSING = -1
ATOM = 0.1  # share of one value alone from which on it has a bin of its own: from 0 to a little more is drift, too
SCORE_EDGES = 1 / (1 + np.exp(-np.arange(-120, 121) / 10))  # a tenth of log-odds apart
SCORE_BINS = len(SCORE_EDGES) + 1


class Profile(Struct, frozen=True):
    """One column's bins: bin i holds edges[i-1] ≤ value < edges[i], -1 holds the missing; `counts[0]` is of the missing.

    `means` are of the baseline's values in each bin but that of the missing (an edge where none fell), `deviation` is their
    standard deviation; `outside` names the bins, -1 left out, in which no value of the baseline can lie.
    """

    edges: list[float]
    counts: list[int]
    means: list[float] = []
    deviation: float = 0.0
    outside: list[int] = []

    @property
    def total(self) -> int:
        """How many rows were counted."""
        return sum(self.counts)


def profile(column: NDArray[np.float64], feature: Feature | None = None) -> Profile:
    """Lay bins over a column of the baseline (n,) and count it."""
    edges, outside = _bins(column, feature)
    return counted(column, Profile(edges, [], outside=outside))


def counted(column: NDArray[np.float64], bins_of: Profile) -> Profile:
    """Count another column (n,) into a profile's bins."""
    finite = column[np.isfinite(column)]
    placed = np.searchsorted(np.asarray(bins_of.edges), finite, side="right")
    n = np.bincount(placed, minlength=len(bins_of.edges) + 1)
    sums = np.bincount(placed, weights=finite, minlength=len(n))
    nearest = [
        bins_of.edges[min(at, len(bins_of.edges) - 1)] if bins_of.edges else 0.0
        for at in range(len(n))
    ]
    return Profile(
        edges=bins_of.edges, counts=count(column, bins_of.edges), outside=bins_of.outside,
        means=np.where(n > 0, sums / np.maximum(n, 1), nearest).tolist(),
        deviation=float(finite.std()) if len(finite) and np.ptp(finite) > 0 else 0.0,
    )  # fmt: skip


def profiles(columns: NDArray[np.float64], contract: Contract) -> dict[str, Profile]:
    """Profile every column of an (n, columns) matrix in the contract's order."""
    features = {feature.name: feature for feature in contract.features}
    return {
        name: profile(columns[:, at], features.get(name))
        for at, name in enumerate(contract.columns)
    }


def bins(column: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.int64]:
    """The bin of each value: -1 where it is missing, otherwise 0 … len(edges)."""
    if len(edges) > FEW:
        found = np.searchsorted(np.asarray(edges), column, side="right")
    else:  # twice as fast, one comparison of all values after the other
        passed = np.zeros(len(column), np.int16)
        for edge in edges:
            passed += column >= edge
        found = passed.astype(np.int64)
    return np.where(np.isnan(column), MISSING, found)


def count(column: NDArray[np.float64], edges: list[float]) -> list[int]:
    """Counts of missing, bin 0, bin 1, …"""
    return [int(n) for n in np.bincount(bins(column, edges) + 1, minlength=len(edges) + 2)]


def score_bins(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each score (n,), 0 … len(SCORE_EDGES): the same for every model."""
    return np.searchsorted(SCORE_EDGES, scores, side="right")


def _bins(column: NDArray[np.float64], feature: Feature | None) -> tuple[list[float], list[int]]:
    """Edges, and which bins lie outside what the baseline holds."""
    if feature and feature.type == "bool":
        return [0.5], []
    if feature and feature.type == "category":
        return [index + 0.5 for index in range(len(feature.values))], [len(feature.values)]
    finite = column[np.isfinite(column)]
    if not len(finite):
        return [], []
    values, counts = np.unique(finite, return_counts=True)
    atoms = values[counts >= ATOM * len(finite)]
    edges = np.unique(
        [*np.quantile(finite, QUANTILES[:-1]), *atoms, *np.nextafter([*atoms, values[-1]], np.inf)]
    )
    return [float(edge) for edge in edges], [0, len(edges)]
