"""Distances between counts agree with other libraries, and chance is not taken for drift."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.stats import chi2_contingency, false_discovery_control, wasserstein_distance

from pipelines.rules.statistics.divergence import (
    benjamini_hochberg,
    homogeneity,
    jensen_shannon,
    jensen_shannon_without_drift,
    psi,
    psi_without_drift,
    wasserstein,
    wasserstein_without_drift,
)

PAIRS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=30
).filter(lambda pairs: any(a for a, _ in pairs) and any(b for _, b in pairs))


def counts(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    before, now = np.array(pairs).T
    return before, now


@given(PAIRS)
def test_distances_are_what_the_libraries_compute(pairs: list[tuple[int, int]]) -> None:
    before, now = counts(pairs)
    means = np.cumsum(np.arange(len(before)) + 0.5)
    assert jensen_shannon(before, now) == pytest.approx(
        distance.jensenshannon(before, now, base=2), abs=1e-6
    )
    assert wasserstein(before, now, means) == pytest.approx(
        wasserstein_distance(means, means, before, now), abs=1e-9, rel=1e-9
    )
    p = (before + 0.5) / (before + 0.5).sum()
    q = (now + 0.5) / (now + 0.5).sum()
    assert psi(before, now) == pytest.approx(
        sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True)), abs=1e-12
    )


@given(PAIRS)
def test_the_same_counts_are_at_no_distance_and_order_does_not_matter(
    pairs: list[tuple[int, int]],
) -> None:
    before, now = counts(pairs)
    assert psi(before, before) == jensen_shannon(before, before) == 0
    assert psi(before, now) >= 0
    assert 0 <= jensen_shannon(before, now) <= 1 + 1e-12
    assert 0 <= homogeneity(before, now)[2] <= 1
    assert psi(before[::-1], now[::-1]) == pytest.approx(psi(before, now))


def test_chi_square_is_scipys_where_no_bin_is_rare() -> None:
    before = np.array([500, 300, 200])
    now = np.array([60, 20, 20])
    expected = chi2_contingency([before, now], correction=False)
    assert homogeneity(before, now) == pytest.approx(
        (expected.statistic, expected.dof, expected.pvalue)
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    assert benjamini_hochberg(np.array(p_values)) == pytest.approx(
        false_discovery_control(p_values)
    )


def test_no_p_value_has_no_adjusted_one() -> None:
    assert len(benjamini_hochberg(np.array([]))) == 0


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


@pytest.mark.parametrize(("n", "m"), [(30_000, 200), (30_000, 10_000), (1000, 1000)])
def test_without_drift_statistics_are_what_is_expected_and_p_values_no_smaller_than_chance(
    n: int, m: int
) -> None:
    draw = np.random.default_rng(n + m)
    shares = np.array([0.001, *[0.1] * 9, 0.0986, 0.0004])
    means = np.arange(len(shares), dtype=float)
    samples = []
    for _ in range(1500):
        before = draw.multinomial(n, shares)
        now = draw.multinomial(m, shares)
        used = before + now > 0
        before = before[used]
        now = now[used]
        used_means = means[used]
        bins = len(before)
        samples.append(
            (
                psi(before, now) / psi_without_drift(bins, n, m),
                jensen_shannon(before, now) / jensen_shannon_without_drift(bins, n, m),
                wasserstein(before, now, used_means)
                / wasserstein_without_drift(before, used_means, n, m),
                homogeneity(before, now)[2],
            )
        )
    *ratios, p_values = np.array(samples).T
    assert [ratio.mean() for ratio in ratios] == pytest.approx([1, 1, 1], abs=0.12)
    for level in (0.05, 0.01):
        assert (p_values < level).mean() < 1.4 * level
