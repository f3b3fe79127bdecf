"""Tests whether two properties of rows depend on each other."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, gammaln

SMALLEST_EXPECTED = 5.0  # below, the chi-square distribution is not a good approximation


@dataclass(frozen=True)
class Independence:
    """The test of a two-by-two table: which one, and its p-value."""

    test: str
    p_value: float


def independence(table: tuple[tuple[int, int], tuple[int, int]]) -> Independence | None:
    """Test the counts of two rows × two columns; None when a row or a column is empty.

    Pearson's chi-square test with one degree of freedom; Fisher's exact test, two-sided, when an
    expected count is below 5.
    """
    (a, b), (c, d) = table
    rows = (a + b, c + d)
    columns = (a + c, b + d)
    if 0 in (*rows, *columns):
        return None
    total = sum(rows)
    if min(rows) * min(columns) / total < SMALLEST_EXPECTED:
        return Independence("fisher", _fisher(a, rows[0], columns[0], total))
    # Python's integers: these products are larger than 64 bits for large files.
    difference = a * d - b * c
    statistic = total * difference**2 / (rows[0] * rows[1] * columns[0] * columns[1])
    return Independence("chi-square", float(chdtrc(1, statistic)))


def _fisher(count: int, row: int, column: int, total: int) -> float:
    """Return the two-sided p-value of Fisher's exact test.

    It is the probability of all counts that are at most as probable as this one, given the sums.
    `scipy.stats`, which has this test too, takes a second to import.
    """
    counts = np.arange(max(0, row + column - total), min(row, column) + 1)
    logs = (
        -gammaln(counts + 1)
        - gammaln(row - counts + 1)
        - gammaln(column - counts + 1)
        - gammaln(total - row - column + counts + 1)
    )
    weights = np.exp(logs - logs.max())
    observed = weights[count - counts[0]]
    as_rare = weights <= observed * (1 + 1e-7)
    return float(weights[as_rare].sum() / weights.sum())
