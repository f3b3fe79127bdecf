"""The Jensen-Shannon distance is SciPy's, between 0 and 1."""

import pytest
from hypothesis import given
from scipy.spatial import distance

from pipelines.rules.monitoring.drift_statistics.jensen_shannon import (
    JensenShannonDistance,
    jensen_shannon,
    jensen_shannon_without_drift,
)
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import PAIRS, column, samples


@given(PAIRS)
def test_the_distance_is_scipys(pairs: list[tuple[int, int]]) -> None:
    before, now = samples(pairs)
    expected = distance.jensenshannon(before, now, base=2)
    assert jensen_shannon(before, now) == pytest.approx(expected, abs=1e-6)


@given(PAIRS)
def test_equal_counts_have_no_distance_and_none_is_above_1(pairs: list[tuple[int, int]]) -> None:
    before, now = samples(pairs)
    assert jensen_shannon(before, before) == 0
    assert 0 <= jensen_shannon(before, now) <= 1 + 1e-12


def test_one_bin_has_no_distance_to_expect() -> None:
    assert jensen_shannon_without_drift(1, 100, 100) == 0


def test_samples_without_a_common_bin_are_as_far_apart_as_can_be() -> None:
    assert JensenShannonDistance().measure(column([0, 9, 0], [0, 0, 9])).value == pytest.approx(1)
