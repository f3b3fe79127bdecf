"""Features as models take them: float32, row by row."""

import numpy as np
from numpy.typing import NDArray

FLOAT32_MAX = float(np.finfo(np.float32).max)


def narrow(features: NDArray[np.float64]) -> NDArray[np.float32]:
    """Features (n, columns) as float32; values beyond its range are clipped, NaN stays NaN."""
    clipped = np.minimum(np.maximum(features, -FLOAT32_MAX), FLOAT32_MAX)  # np.clip is slower
    return np.asarray(clipped.astype(np.float32, order="C"))
