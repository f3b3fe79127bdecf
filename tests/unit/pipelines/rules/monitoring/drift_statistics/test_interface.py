"""A column's counts hold all bins, and those that are not empty in both samples."""

import numpy as np
import pytest

from pipelines.rules.monitoring.drift_statistics.interface import StatisticValue, shares
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import column


def test_bins_that_are_empty_in_both_samples_are_not_used() -> None:
    counts = column([0, 4, 0, 6], [0, 0, 3, 2])
    assert (counts.n, counts.m) == (10, 5)
    assert counts.reference.tolist() == [0, 4, 0, 6]
    assert counts.window.tolist() == [0, 0, 3, 2]
    assert counts.used_reference.tolist() == [4, 0, 6]
    assert counts.used_window.tolist() == [0, 3, 2]


def test_shares_are_of_all_rows() -> None:
    assert shares(np.array([1, 3, 0])).tolist() == [0.25, 0.75, 0.0]


def test_the_excess_is_above_the_expected_value() -> None:
    assert StatisticValue(value=0.3, expected=0.1).excess == pytest.approx(0.2)
