"""Correction of p-values for the number of tests."""

import numpy as np
from numpy.typing import NDArray


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values (k,): those below a level have at most that false discovery rate.

    Benjamini and Hochberg, JRSS B 57, 1995.
    """
    k = len(p_values)
    order = np.argsort(p_values)
    ranks = np.arange(1, k + 1)
    scaled = p_values[order] * k / ranks
    smallest_from_here = np.minimum.accumulate(scaled[::-1])[::-1]
    adjusted = np.empty(k)
    adjusted[order] = np.minimum(smallest_from_here, 1.0)
    return adjusted
