"""Tests whether two properties of rows depend on each other."""

from dataclasses import dataclass

from scipy.special import chdtrc

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
        from scipy.stats import fisher_exact  # takes a second to import

        return Independence("fisher", float(fisher_exact(table)[1]))
    # Python's integers: these products are larger than 64 bits for large files.
    difference = a * d - b * c
    statistic = total * difference**2 / (rows[0] * rows[1] * columns[0] * columns[1])
    return Independence("chi-square", float(chdtrc(1, statistic)))
