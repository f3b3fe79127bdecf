"""PSI is the sum of its definition, symmetric in order, and 0 for equal counts."""

import math

import pytest
from hypothesis import given

from pipelines.rules.monitoring.drift_statistics.psi import (
    PopulationStabilityIndex,
    psi,
    psi_without_drift,
)
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import PAIRS, column, samples


@given(PAIRS)
def test_psi_is_the_sum_over_bins_with_half_a_count_added(pairs: list[tuple[int, int]]) -> None:
    before, now = samples(pairs)
    p = (before + 0.5) / (before + 0.5).sum()
    q = (now + 0.5) / (now + 0.5).sum()
    terms = [(b - a) * math.log(b / a) for a, b in zip(p, q, strict=True)]
    assert psi(before, now) == pytest.approx(sum(terms), abs=1e-12)


@given(PAIRS)
def test_equal_counts_have_no_psi_and_the_order_of_bins_does_not_matter(
    pairs: list[tuple[int, int]],
) -> None:
    before, now = samples(pairs)
    assert psi(before, before) == 0
    assert psi(before, now) >= 0
    assert psi(before[::-1], now[::-1]) == pytest.approx(psi(before, now))


def test_the_expected_psi_grows_with_bins_and_falls_with_rows() -> None:
    assert psi_without_drift(11, 1000, 500) == pytest.approx(10 * (1 / 1000 + 1 / 500))
    assert psi_without_drift(0, 10, 10) == 0


def test_bins_that_are_empty_in_both_samples_do_not_count() -> None:
    value = PopulationStabilityIndex().measure(column([0, 40, 0, 60], [0, 20, 0, 30]))
    assert value.expected == pytest.approx(1 / 100 + 1 / 50), "two of four bins are in use"
