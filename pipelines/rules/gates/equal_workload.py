"""Flags of the champion that cause as much work as those of the challenger."""

import numpy as np
from numpy.typing import NDArray


def highest(scores: NDArray[np.float64], flagged: int) -> NDArray[np.bool_]:
    """Flag the rows (n,) with the highest scores, at most `flagged` of them.

    Rows with equal scores are flagged together or not at all.
    """
    if flagged >= len(scores):
        return np.ones(len(scores), bool)
    first_without = np.sort(scores)[::-1][flagged]
    return np.asarray(scores > first_without)
