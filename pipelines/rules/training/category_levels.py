"""A number for each category of a feature with many: its log-odds of the positive class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.model.preparation import category_indexes
from pipelines.rules.training.estimators.interface import Rows

SMOOTHING = 20.0  # rows of the average rate that are added to those of each category
FOLDS = 5
RATE = 1e-6  # the least distance of a rate from 0 and from 1

Levels = dict[int, tuple[float, ...]]


def category_levels(
    rows: Rows, columns: Sequence[int], seed: int
) -> tuple[Levels, NDArray[np.float32]]:
    """Return the numbers of each column's categories, and the columns (n, columns) as numbers.

    The numbers of the rows themselves are cross-fitted: those of a fold come from the other folds.
    Otherwise a model would trust the rate of a rare category, which its own rows made. The last
    number of a column is that of a missing category. A category without a row has the average.
    Source: Micci-Barreca, SIGKDD Explorations 3(1), 2001, as scikit-learn's TargetEncoder.
    """
    # Few contracts have such a feature, and these are slow to import.
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import TargetEncoder

    counts = [rows.categories[column] for column in columns]
    indexes = [
        category_indexes(rows.features[:, column], count)
        for column, count in zip(columns, counts, strict=True)
    ]
    matrix = np.column_stack(indexes)
    encoder = TargetEncoder(
        categories=[np.arange(count + 1) for count in counts],
        target_type="binary",
        smooth=SMOOTHING,
        cv=StratifiedKFold(_folds(rows.labels), shuffle=True, random_state=seed),
    )
    cross_fitted = encoder.fit_transform(matrix, rows.labels)
    levels = {
        column: tuple(_log_odds(rates).tolist())
        for column, rates in zip(columns, encoder.encodings_, strict=True)
    }
    return levels, _log_odds(cross_fitted).astype(np.float32)


def _folds(labels: NDArray[np.int8]) -> int:
    """As many folds as can each have a row of both classes, between 2 and FOLDS."""
    positives = int(labels.sum())
    rarer = min(positives, len(labels) - positives)
    return max(2, min(FOLDS, rarer))


def _log_odds(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    bounded = np.clip(rates, RATE, 1 - RATE)
    return np.asarray(np.log(bounded / (1 - bounded)))
