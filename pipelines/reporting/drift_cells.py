"""What tables and pages show of a drift statistic; they loop over those that are installed."""

from collections.abc import Sequence

from pipelines.records import Metric
from pipelines.rules.monitoring.drift_rule import SIZE
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic

UNKNOWN = "-"


def other_statistics(statistics: Sequence[DriftStatistic]) -> list[DriftStatistic]:
    """All but SIZE, which has columns of its own: by reference, beside its expected value."""
    return [statistic for statistic in statistics if statistic.name != SIZE.name]


def cell(statistic: DriftStatistic, metric: Metric | None) -> str:
    """The value of a feature's metric as text; the p-value if the statistic is a test.

    `metric` is None when the drift check did not measure the statistic.
    """
    if metric is None:
        return UNKNOWN
    if statistic.is_test and metric.p_value == 0:
        return "< 1e-300"
    return formatted(statistic, metric.p_value if statistic.is_test else metric.value)


def formatted(statistic: DriftStatistic, value: float | None) -> str:
    """A number in the statistic's format."""
    return UNKNOWN if value is None else format(value, statistic.format)
