"""A cell shows a statistic's value, or the p-value of a test, in its format."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.records import Metric
from pipelines.reporting.drift_cells import cell, other_statistics
from pipelines.rules.monitoring.drift_statistics.chi_square import ChiSquareTest
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic
from pipelines.rules.monitoring.drift_statistics.missing import MissingShare
from pipelines.stores.drift_statistics import installed_statistics

TIME = datetime(2026, 1, 1, tzinfo=UTC)
METRIC = Metric(
    check_id="c", window_start=TIME, window_end=TIME, metric="m", value=0.25, n=1, p_value=0.0123
)


@pytest.mark.parametrize(
    ("statistic", "metric", "text"),
    [
        pytest.param(MissingShare(), METRIC, "25.0%", id="a share"),
        pytest.param(MissingShare(), replace(METRIC, value=None), "-", id="no value"),
        pytest.param(MissingShare(), None, "-", id="a statistic that the check did not measure"),
        pytest.param(ChiSquareTest(), METRIC, "0.012", id="the p-value of a test"),
        pytest.param(ChiSquareTest(), replace(METRIC, p_value=None), "-", id="no p-value"),
        pytest.param(
            ChiSquareTest(),
            replace(METRIC, p_value=0.0),
            "< 1e-300",
            id="a p-value that is too small for a number",
        ),
    ],
)
def test_a_cell(statistic: DriftStatistic, metric: Metric | None, text: str) -> None:
    assert cell(statistic, metric) == text


def test_the_size_of_drift_has_columns_of_its_own() -> None:
    others = [statistic.name for statistic in other_statistics(installed_statistics())]
    assert others == ["chi_square", "jensen_shannon", "wasserstein", "missing", "outside"]
