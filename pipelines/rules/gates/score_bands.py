"""Score bands, the words of the API: high from the threshold on, medium from half of it, low below."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Parts = dict[str, tuple[int, int]]  # of each named part, how many of how many


def bands(
    scores: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Masks (n,) by band; a row without a score is in none. What is high is what was flagged."""
    yield "high", scores >= thresholds
    yield "medium", (scores >= thresholds / 2) & (scores < thresholds)
    yield "low", scores < thresholds / 2


def coverage(
    scores: NDArray[np.float64], thresholds: NDArray[np.float64], labelled: NDArray[np.bool_]
) -> Parts:
    """How many rows of each band are labelled; labels that come for some scores rather than others make evidence biased."""
    return {
        name: (int((mask & labelled).sum()), int(mask.sum()))
        for name, mask in bands(scores, thresholds)
        if mask.any()
    }
