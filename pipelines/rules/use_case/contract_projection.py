"""Rows that were logged under one contract, as another contract has them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import OTHER, Contract, Feature
from pipelines.rules.use_case.derived_features import Deriver


class Projection:
    """Converts raw features of one contract to all columns of another.

    Features are matched by name and categories by their text. A feature that the source does not
    have, or has with another type, is missing. So is a category that the target does not list,
    unless the target takes unknown ones as `other`.
    """

    def __init__(self, source: Contract, target: Contract) -> None:
        self.source = source
        self.target = target
        self.is_identity = _shape(source) == _shape(target)
        self._derive = Deriver(target)
        self._positions = _positions(source, target)
        self._categories = {
            index: _indexes(source.features[position], target.features[index])
            for index, position in enumerate(self._positions)
            if position is not None and target.features[index].type == "category"
        }

    @property
    def absent(self) -> tuple[str, ...]:
        """The target's columns that are missing in every row.

        These are raw features that the source does not have, and what is derived from them.
        """
        raw = [
            name
            for name, position in zip(self.target.raw, self._positions, strict=True)
            if position is None
        ]
        derived = [
            derived.name
            for derived in self.target.derived
            if not set(raw).isdisjoint(self.target.formula(derived).inputs)
        ]
        return (*raw, *derived)

    def complete(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """All features (n, source.columns) → features (n, target.columns).

        Between contracts of the same shape they stay as they are, also the derived ones.
        """
        return columns if self.is_identity else self(columns)

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw features (n, source.raw) → features (n, target.columns), NaN where missing.

        Columns after the raw ones, such as derived features of the source, are ignored.
        """
        columns = np.full((len(raw), len(self.target.columns)), np.nan)
        for index, position in enumerate(self._positions):
            if position is None:
                continue
            values = raw[:, position]
            if index in self._categories:
                values = _mapped(values, self._categories[index])
            columns[:, index] = values
        return self._derive.fill(columns)


def convert_categories(
    values: NDArray[np.float64], source: Feature, target: Feature
) -> NDArray[np.float64]:
    """Category indexes (n,) of the source → indexes of the target, NaN where it has none."""
    return _mapped(values, _indexes(source, target))


def _positions(source: Contract, target: Contract) -> list[int | None]:
    """Return the position in the source of each raw feature of the target; None when absent."""
    by_name = {feature.name: index for index, feature in enumerate(source.features)}
    positions: list[int | None] = []
    for feature in target.features:
        position = by_name.get(feature.name)
        if position is not None and not same_type(source.features[position], feature):
            position = None
        positions.append(position)
    return positions


def same_type(source: Feature, target: Feature) -> bool:
    """Whether values keep their meaning; a whole number is also a number."""
    return source.type == target.type or {source.type, target.type} == {"int", "float"}


def _indexes(source: Feature, target: Feature) -> NDArray[np.float64]:
    """Return the target's index of each category of the source, NaN for one it does not take."""
    unknown = np.nan
    if target.unknown == "other":
        unknown = float(target.values.index(OTHER))
    index = {value: float(position) for position, value in enumerate(target.values)}
    return np.array([index.get(value, unknown) for value in source.values])


def _mapped(values: NDArray[np.float64], indexes: NDArray[np.float64]) -> NDArray[np.float64]:
    present = ~np.isnan(values)
    mapped = np.full(len(values), np.nan)
    mapped[present] = indexes[values[present].astype(np.int64)]
    return mapped


def _shape(contract: Contract) -> list[Any]:
    """Return what decides on the meaning of a row's numbers."""
    raw = [(feature.name, feature.type, feature.values) for feature in contract.features]
    derived = [(feature.name, feature.expression) for feature in contract.derived]
    return [raw, derived]
