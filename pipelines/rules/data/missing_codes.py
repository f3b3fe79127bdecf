"""Finds round negative numbers, such as -9 and -999, that probably mean missing."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.data.dataset_checks import ENOUGH, MOST_ROWS, SAMPLE_ROWS, Finding

LEAST_SHARE = 0.005  # of the rows, that a code has
LEAST_VALUES = 10  # different numbers of a column, beside its codes
APART = 0.5  # how far the other numbers are from a code, as a share of the code
HIGHER = 3.0  # how much more frequent than its neighbours a code is that has neighbours
_CODE = re.compile(r"-(?:1|7+|8+|9+|9+[78])")  # -1, -7, -88, -999, -9998


def missing_codes(features: NDArray[np.float64], names: tuple[str, ...]) -> Iterator[Finding]:
    """Warn of numbers in features (n, columns) that look like codes for missing values.

    Such a number is round and negative, has a share of the column, and lies apart below all other
    numbers. Indexes of categories and bools are never negative.
    """
    sample = features[:: max(1, len(features) // MOST_ROWS)]
    for column, name in enumerate(names):
        values = sample[:, column]
        codes = codes_of(values[np.isfinite(values)], len(values))
        if codes:
            yield _finding(name, codes, features[:, column])


def codes_of(values: NDArray[np.float64], n: int) -> dict[float, float]:
    """Return the codes of a column without its missing values, with their shares of n rows."""
    if not len(values) or values.min() >= 0:
        return {}
    numbers, counts = np.unique(values, return_counts=True)
    is_code = np.array([bool(_CODE.fullmatch(f"{number:.15g}")) for number in numbers])
    is_code &= counts >= max(ENOUGH, LEAST_SHARE * n)
    others = numbers[~is_code]
    if len(others) < LEAST_VALUES:
        return {}
    neighbours = float(counts[~is_code][:3].mean())
    return {
        float(number): float(count / n)
        for number, count in zip(numbers[is_code], counts[is_code], strict=True)
        if _stands_out(float(number), int(count), float(others[0]), neighbours)
    }


def _stands_out(code: float, count: int, least: float, neighbours: float) -> bool:
    """Whether a code is apart from the other numbers, or more frequent than those beside it."""
    distance = least - code
    if distance < APART * abs(code):
        return False
    return distance > 1 or count >= HIGHER * neighbours


def _finding(name: str, codes: dict[float, float], values: NDArray[np.float64]) -> Finding:
    listing = ", ".join(f"{code:g} ({share:.1%})" for code, share in codes.items())
    setting = ", ".join(f"{code:g}" for code in codes)
    rows = np.flatnonzero(np.isin(values, list(codes)))
    return Finding(
        check="missing_codes",
        columns=(name,),
        observed=max(codes.values()),
        threshold=LEAST_SHARE,
        reason=(
            f"{name}: {listing} lie below all other values: if they mean missing, set "
            f"`missing: [{setting}]` of the feature in the contract; the model takes them as "
            "numbers"
        ),
        verdict="",
        rows=tuple(rows[:SAMPLE_ROWS].tolist()),
    )
