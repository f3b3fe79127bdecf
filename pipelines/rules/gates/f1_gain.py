"""The relative gain in F1 of a challenger over its champion, and its bounds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.gates.evidence import f1_scores

F1_FLOOR = 0.01  # replaces a lower F1 of the champion, so that the relative gain stays finite


def f1_gain(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Relative gain in F1 (...) of (..., 2, 2, 2) paired counts."""
    champion, challenger = f1_scores(counts)
    difference = challenger - champion
    return np.asarray(difference / np.maximum(champion, F1_FLOOR))


def bootstrap_f1_gain(
    counts: NDArray[np.int64], *, level: float, resamples: int
) -> tuple[float, float]:
    """Bound the relative gain in F1, `level` on each side; the same counts give the same bounds.

    A paired F1 depends only on the eight counts of (label, champion's flag, challenger's flag). So
    a resample of the rows is a multinomial draw of these counts (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, chapter 13).
    """
    flat = counts.reshape(-1)
    rows = flat.sum()
    seed = [int(count) for count in flat]
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(
        int(rows),
        flat / rows,
        size=resamples,
    )
    gains = f1_gain(draws.reshape(-1, 2, 2, 2))
    low, high = np.quantile(gains, [level, 1 - level])
    return float(low), float(high)
