"""Which features tell something by being missing."""

import numpy as np

from pipelines.rules.statistics.independence import independence
from pipelines.rules.training.estimators.interface import Rows

LEVEL = 0.001  # of the test


def informative_columns(rows: Rows) -> tuple[int, ...]:
    """Return the columns of numbers whose missing values depend on the label, beyond chance.

    Other columns that say where values were missing would be noise to a model.
    """
    missing = np.isnan(rows.features)
    positive = rows.labels == 1
    columns = []
    for column in range(missing.shape[1]):
        if rows.categories and rows.categories[column]:
            continue  # a missing category is encoded as one
        absent = missing[:, column]
        table = (
            (int((absent & positive).sum()), int((absent & ~positive).sum())),
            (int((~absent & positive).sum()), int((~absent & ~positive).sum())),
        )
        tested = independence(table)
        if tested is not None and tested.p_value < LEVEL:
            columns.append(column)
    return tuple(columns)
