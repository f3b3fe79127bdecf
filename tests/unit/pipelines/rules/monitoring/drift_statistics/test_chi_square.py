"""The chi-square test is SciPy's where no bin is rare, and exact where one is."""

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import chi2_contingency

from pipelines.rules.monitoring.drift_statistics.chi_square import ChiSquareTest, homogeneity
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import PAIRS, column, samples


@given(PAIRS)
def test_a_p_value_is_a_probability(pairs: list[tuple[int, int]]) -> None:
    before, now = samples(pairs)
    assert 0 <= homogeneity(before, now)[2] <= 1


def test_the_test_is_scipys_where_no_bin_is_rare() -> None:
    before = np.array([500, 300, 200])
    now = np.array([60, 20, 20])
    expected = chi2_contingency([before, now], correction=False)
    assert homogeneity(before, now) == pytest.approx(
        (expected.statistic, expected.dof, expected.pvalue)
    )


@pytest.mark.parametrize(
    ("before", "now", "certain"),
    [
        pytest.param([0, 30_000], [200, 0], True, id="a constant that became another"),
        pytest.param([3, 29_997], [100, 100], True, id="a rare value that became common"),
        pytest.param([0, 30_000], [1, 199], False, id="one row beyond the reference's values"),
        pytest.param([30_000], [200], False, id="one bin holds everything"),
        pytest.param([0, 15_000, 15_000], [0, 100, 100], False, id="the same shares"),
    ],
)
def test_rare_bins_are_tested_exactly(before: list[int], now: list[int], certain: bool) -> None:
    p_value = homogeneity(np.array(before), np.array(now))[2]
    assert (p_value < 1e-6) is certain
    assert certain or p_value > 0.005


def test_the_expected_value_is_the_degrees_of_freedom() -> None:
    value = ChiSquareTest().measure(column([0, 500, 300, 200], [0, 50, 30, 20]))
    assert (value.value, value.expected) == (pytest.approx(0), 2.0)
    assert value.p_value == pytest.approx(1)
