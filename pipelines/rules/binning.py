"""Bins of a baseline: where a feature's values fall, and how many did."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipelines.rules.contract import Contract, Feature

QUANTILES = np.linspace(0, 1, 11)[1:-1]
MISSING = -1


class Profile(Struct, frozen=True):
    """One column's bins: bin i holds edges[i-1] ≤ value < edges[i], -1 holds the missing; `counts[0]` is of the missing."""

    edges: list[float]
    counts: list[int]

    @property
    def total(self) -> int:
        """How many rows were counted."""
        return sum(self.counts)


def profile(column: NDArray[np.float64], feature: Feature | None = None) -> Profile:
    """Lay bins over a column of the baseline (n,) and count it: deciles, or one bin for each category or truth value."""
    edges = _edges(column, feature)
    return Profile(edges, count(column, edges))


def profiles(columns: NDArray[np.float64], contract: Contract) -> dict[str, Profile]:
    """Profile every column of an (n, columns) matrix in the contract's order."""
    features = {feature.name: feature for feature in contract.features}
    return {name: profile(columns[:, at], features.get(name)) for at, name in enumerate(contract.columns)}


def bins(column: NDArray[np.float64], edges: list[float]) -> NDArray[np.int64]:
    """The bin of each value: -1 where it is missing, otherwise 0 … len(edges)."""
    found = np.searchsorted(np.asarray(edges), column, side="right")
    return np.where(np.isnan(column), MISSING, found)


def count(column: NDArray[np.float64], edges: list[float]) -> list[int]:
    """Counts of missing, bin 0, bin 1, …"""
    return [int(n) for n in np.bincount(bins(column, edges) + 1, minlength=len(edges) + 2)]


def _edges(column: NDArray[np.float64], feature: Feature | None) -> list[float]:
    if feature and feature.type == "bool":
        return [0.5]
    if feature and feature.type == "category":
        return [index + 0.5 for index in range(len(feature.values) - 1)]
    present = column[~np.isnan(column)]
    return [float(edge) for edge in np.unique(np.quantile(present, QUANTILES))] if len(present) else []
