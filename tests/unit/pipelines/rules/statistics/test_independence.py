"""Whether two properties depend on each other, against SciPy."""

import pytest
from scipy.stats import chi2_contingency, fisher_exact

from pipelines.rules.statistics.independence import independence

Table = tuple[tuple[int, int], tuple[int, int]]


def test_large_counts_are_tested_by_chi_square() -> None:
    table: Table = ((900, 100), (80_000, 5_000))
    result = independence(table)
    assert result is not None
    assert result.test == "chi-square"
    assert result.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue)


@pytest.mark.parametrize(
    "table", [((1, 6), (900, 100)), ((3, 0), (1_000_000, 8_000)), ((0, 4), (5, 3))]
)
def test_small_counts_are_tested_exactly(table: Table) -> None:
    result = independence(table)
    assert result is not None
    assert result.test == "fisher"
    assert result.p_value == pytest.approx(fisher_exact(table)[1])


@pytest.mark.parametrize("table", [((0, 0), (5, 5)), ((5, 0), (5, 0)), ((0, 0), (0, 0))])
def test_an_empty_row_or_column_can_not_be_tested(table: Table) -> None:
    assert independence(table) is None


def test_products_beyond_64_bits_are_exact() -> None:
    table: Table = ((10_000_000, 10_000_000), (10_000_000, 10_000_000))
    result = independence(table)
    assert result is not None
    assert result.p_value == 1.0
