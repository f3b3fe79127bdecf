"""Features as models take them."""

import numpy as np
from numpy.typing import NDArray

FLOAT32_MAX = float(np.finfo(np.float32).max)


def narrow(features: NDArray[np.float64]) -> NDArray[np.float32]:
    """Features (n, columns) as float32, row by row; what float32 can't hold is clipped to its range, and NaN stays."""
    held = np.minimum(np.maximum(features, -FLOAT32_MAX), FLOAT32_MAX)  # clip() is slower
    return np.asarray(held.astype(np.float32, order="C"))
