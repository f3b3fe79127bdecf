"""Features as an estimator takes them, when it takes no missing values or no categories."""

import warnings
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

MAX_COLUMNS = 16  # a category with more levels becomes one number

Features = NDArray[np.float32]


class Preparation(msgspec.Struct, frozen=True):
    """How features (n, columns) become what a model was fitted on.

    fill: for each column the value that replaces a missing one, or None · categories: for each
    column the number of categories that become columns of 0 and 1, or 0 for a column that stays ·
    levels: for each column the numbers that replace its categories, in order of their index, and
    last the one that replaces a missing category; empty for other columns · indicators: columns
    after which a column of 0 and 1 says where their value was missing; these follow all others
    """

    fill: tuple[float, ...] | None
    categories: tuple[int, ...]
    levels: tuple[tuple[float, ...], ...] = ()
    indicators: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        features: Features,
        categories: tuple[int, ...],
        *,
        fill: bool,
        encode: bool,
        levels: Mapping[int, tuple[float, ...]] | None = None,
        indicators: tuple[int, ...] = (),
    ) -> "Preparation | None":
        """The preparation of features (n, columns); None when they stay as they are.

        `levels` are numbers for the categories of some columns; the other categories become columns
        of 0 and 1. Missing numbers are filled with the column's median, missing categories with the
        most frequent one unless they are encoded, and a column without any value with 0.
        """
        columns = features.shape[1]
        numbers = tuple((levels or {}).get(column, ()) for column in range(columns))
        encoded = categories if encode and any(categories) else (0,) * columns
        encoded = tuple(
            0 if values else count for values, count in zip(numbers, encoded, strict=True)
        )
        if not fill and not any(encoded) and not levels:
            return None
        return cls(
            fill=_fill_values(features, categories) if fill else None,
            categories=encoded,
            levels=numbers if levels else (),
            indicators=indicators if fill else (),
        )

    @property
    def width(self) -> int:
        """Number of columns after preparation."""
        return sum(count or 1 for count in self.categories) + len(self.indicators)

    @property
    def starts(self) -> NDArray[np.int64]:
        """For each column (columns,) the first of the prepared columns that come from it."""
        counts = [count or 1 for count in self.categories]
        return np.cumsum([0, *counts])[:-1]

    def __call__(self, features: Features) -> Features:
        """Prepared features (n, width)."""
        filled = self._replaced(self._filled(features), features)
        columns = [filled]
        if any(self.categories):
            columns = [
                features[:, [column]] == np.arange(count) if count else filled[:, [column]]
                for column, count in enumerate(self.categories)
            ]
        missing = np.isnan(features[:, list(self.indicators)])
        return np.hstack([*columns, missing]).astype(np.float32)

    def fold(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Contributions (n, columns): sums over each feature's prepared columns (n, width)."""
        width = self.width - len(self.indicators)
        folded = np.add.reduceat(contributions[:, :width], self.starts, axis=1)
        folded[:, list(self.indicators)] += contributions[:, width:]
        return np.asarray(folded)

    def _filled(self, features: Features) -> Features:
        if self.fill is None:
            return features
        return np.where(np.isnan(features), np.asarray(self.fill, np.float32), features)

    def _replaced(self, filled: Features, features: Features) -> Features:
        """The filled features with a number for each category that has one."""
        if not self.levels:
            return filled
        replaced = filled.copy()
        for column, numbers in enumerate(self.levels):
            if numbers:
                indexes = category_indexes(features[:, column], len(numbers) - 1)
                replaced[:, column] = np.asarray(numbers, np.float32)[indexes]
        return replaced


def category_indexes(column: Features, count: int) -> NDArray[np.int64]:
    """The categories (n,) of a column as whole numbers; `count` stands for a missing one."""
    return np.where(np.isnan(column), count, column).astype(np.int64)


def prepare(preparation: Preparation | None, features: Features) -> Features:
    """Features (n, columns) as a model takes them; as they are without a preparation."""
    return features if preparation is None else preparation(features)


def _fill_values(features: Features, categories: tuple[int, ...]) -> tuple[float, ...]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        values = np.nan_to_num(np.nanmedian(features, axis=0))
    for column, count in enumerate(categories):
        if count:
            present = features[~np.isnan(features[:, column]), column].astype(int)
            values[column] = np.bincount(present, minlength=count).argmax()
    return tuple(float(value) for value in values)
