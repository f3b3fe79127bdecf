"""Score bands as the API names them: high from the threshold, medium from half of it, low below."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Parts = dict[str, tuple[int, int]]  # by name of a band or slice: a count and its total


def bands(
    scores: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the mask (n,) of each band; flagged rows are high, rows without a score in no band."""
    half = thresholds / 2
    yield "high", scores >= thresholds
    yield "medium", (scores >= half) & (scores < thresholds)
    yield "low", scores < half


def coverage(
    scores: NDArray[np.float64], thresholds: NDArray[np.float64], labelled: NDArray[np.bool_]
) -> Parts:
    """Count the labelled rows and all rows of each band that has rows.

    Labels that arrive for some scores rather than others make the evidence biased.
    """
    parts = {}
    for name, mask in bands(scores, thresholds):
        if mask.any():
            labelled_rows = int((mask & labelled).sum())
            parts[name] = (labelled_rows, int(mask.sum()))
    return parts


def predictions_per_row(
    scores: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    covered: Mapping[str, Sequence[int]],
) -> NDArray[np.float64]:
    """How many predictions of its band each labelled row (n,) stands for, labelled or not.

    `covered` has the labelled rows and all rows of each band, as `coverage` counts them. A row that
    was never scored stands for itself.
    """
    weights = np.ones(len(scores))
    for name, mask in bands(scores, thresholds):
        labelled, rows = covered.get(name, (0, 0))
        if labelled:
            weights[mask] = rows / labelled
    return weights
