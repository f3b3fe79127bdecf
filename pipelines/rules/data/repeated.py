"""Which prediction of a transaction counts when it was predicted several times."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def first_predictions(
    transaction_ids: pa.StringArray, scored_at: NDArray[np.datetime64]
) -> NDArray[np.bool_]:
    """Mark the first prediction of each transaction (n,), by the time at which it was made.

    Of predictions of the same moment, the first in the order of the rows counts.
    """
    n = len(transaction_ids)
    if pc.count_distinct(transaction_ids).as_py() == n:
        return np.ones(n, bool)
    oldest_first = np.argsort(scored_at, kind="stable")
    codes = pc.dictionary_encode(transaction_ids).indices.to_numpy()
    _, first = np.unique(codes[oldest_first], return_index=True)
    is_first = np.zeros(n, bool)
    is_first[oldest_first[first]] = True
    return is_first
