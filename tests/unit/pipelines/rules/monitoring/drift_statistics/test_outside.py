"""The share of values outside counts the bins that no value of the baseline can be in."""

import pytest

from pipelines.rules.monitoring.drift_statistics.outside import OutsideShare
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import column


@pytest.mark.parametrize(
    ("outside", "share", "expected"),
    [
        pytest.param([], 0.0, 0.0, id="no bin is outside"),
        pytest.param([0, 2], 0.3, 0.0, id="below the minimum and above the maximum"),
        pytest.param([1], 0.6, 1.0, id="training rows may lie outside the baseline's bins"),
    ],
)
def test_the_share(outside: list[int], share: float, expected: float) -> None:
    counts = column([0, 0, 20, 0], [1, 1, 6, 2], outside=outside)
    value = OutsideShare().measure(counts)
    assert (value.value, value.expected) == (share, expected)
