"""The share of missing values is that of the first count."""

import pytest

from pipelines.rules.monitoring.drift_statistics.missing import MissingShare
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import column


@pytest.mark.parametrize(
    ("reference", "window", "share", "expected"),
    [
        pytest.param([0, 10], [0, 5], 0.0, 0.0, id="none is missing"),
        pytest.param([1, 9], [5, 5], 0.5, 0.1, id="half are missing"),
        pytest.param([0, 10], [5, 0], 1.0, 0.0, id="all are missing"),
    ],
)
def test_the_share(reference: list[int], window: list[int], share: float, expected: float) -> None:
    value = MissingShare().measure(column(reference, window))
    assert (value.value, value.expected) == (share, expected)
