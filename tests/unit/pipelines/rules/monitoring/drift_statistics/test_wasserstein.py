"""The Wasserstein distance is SciPy's, in standard deviations, over rows that are not missing."""

import math

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import wasserstein_distance

from pipelines.rules.monitoring.drift_statistics.wasserstein import (
    WassersteinDistance,
    wasserstein,
)
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import PAIRS, column, samples


@given(PAIRS)
def test_the_distance_is_scipys(pairs: list[tuple[int, int]]) -> None:
    before, now = samples(pairs)
    means = np.cumsum(np.arange(len(before)) + 0.5)
    expected = wasserstein_distance(means, means, before, now)
    assert wasserstein(before, now, means) == pytest.approx(expected, abs=1e-9, rel=1e-9)


def test_the_distance_is_in_standard_deviations_of_the_reference() -> None:
    moved_one_bin = column([0, 10, 0], [0, 0, 10], deviation=4.0)
    assert WassersteinDistance().measure(moved_one_bin).value == pytest.approx(1 / 4)
    constant = column([0, 10, 0], [0, 0, 10], deviation=0.0)
    assert WassersteinDistance().measure(constant).value == pytest.approx(1)


def test_missing_values_are_left_out() -> None:
    counts = column([90, 5, 5], [10, 5, 5])
    assert WassersteinDistance().measure(counts).value == 0


@pytest.mark.parametrize(
    ("reference", "window"),
    [
        pytest.param([10, 0, 0], [0, 5, 5], id="the reference has only missing values"),
        pytest.param([0, 5, 5], [10, 0, 0], id="the window has only missing values"),
    ],
)
def test_without_values_there_is_no_distance(reference: list[int], window: list[int]) -> None:
    value = WassersteinDistance().measure(column(reference, window))
    assert math.isnan(value.value)
    assert math.isnan(value.expected)
