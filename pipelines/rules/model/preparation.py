"""Features as an estimator takes them, when it takes no missing values or no categories."""

import warnings

import msgspec
import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


class Preparation(msgspec.Struct, frozen=True):
    """How features (n, columns) become what a model was fitted on.

    fill: for each column the value that replaces a missing one, or None · categories: for each
    column the number of categories that become columns of 0 and 1, or 0 for a column that stays
    """

    fill: tuple[float, ...] | None
    categories: tuple[int, ...]

    @classmethod
    def of(
        cls, features: Features, categories: tuple[int, ...], *, fill: bool, encode: bool
    ) -> "Preparation | None":
        """The preparation of features (n, columns); None when they stay as they are.

        Missing numbers are filled with the column's median, missing categories with the most
        frequent one unless they are encoded, and a column without any value with 0.
        """
        columns = features.shape[1]
        encoded = categories if encode and any(categories) else (0,) * columns
        if not fill and not any(encoded):
            return None
        return cls(_fill_values(features, categories) if fill else None, encoded)

    @property
    def width(self) -> int:
        """Number of columns after preparation."""
        return sum(count or 1 for count in self.categories)

    def __call__(self, features: Features) -> Features:
        """Prepared features (n, width)."""
        if not any(self.categories):
            return self._filled(features)
        filled = self._filled(features)
        columns = [
            features[:, [column]] == np.arange(count) if count else filled[:, [column]]
            for column, count in enumerate(self.categories)
        ]
        return np.hstack(columns).astype(np.float32)

    def fold(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Contributions (n, columns): sums over each feature's prepared columns (n, width)."""
        if not any(self.categories):
            return contributions
        starts = np.cumsum([0, *(count or 1 for count in self.categories)])[:-1]
        return np.asarray(np.add.reduceat(contributions, starts, axis=1))

    def _filled(self, features: Features) -> Features:
        if self.fill is None:
            return features
        return np.where(np.isnan(features), np.asarray(self.fill, np.float32), features)


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
