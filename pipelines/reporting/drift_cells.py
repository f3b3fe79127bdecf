"""What tables and pages show of a drift statistic; they loop over those that are installed."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.records import Metric
from pipelines.rules.monitoring.data_quality import (
    BEYOND_SHARE,
    FIELD_SHARES,
    REFUSED_SHARE,
    UNKNOWN_SHARE,
)
from pipelines.rules.monitoring.drift_rule import SIZE
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic

UNKNOWN = "-"
NOT_YET = "no reference yet"  # of a feature that is newer than what traffic is compared with
QUALITY_TITLES = {
    REFUSED_SHARE: "refused",
    UNKNOWN_SHARE: "unknown",
    BEYOND_SHARE: "beyond the range",
}


@dataclass(frozen=True)
class QualityRow:
    """A field whose values were refused or taken as another one; `shares` by FIELD_SHARES."""

    field: str
    shares: Sequence[str]
    n: str


def quality_rows(metrics: Sequence[Metric]) -> list[QualityRow]:
    """A row for each field of which some value was refused or taken as another one."""
    by_field: dict[str, dict[str, Metric]] = {}
    for metric in metrics:
        if metric.metric in FIELD_SHARES:
            by_field.setdefault(metric.feature, {})[metric.metric] = metric
    rows = []
    for name, shares in sorted(by_field.items()):
        cells = [_share(shares.get(metric)) for metric in FIELD_SHARES]
        n = next(iter(shares.values())).n
        rows.append(QualityRow(name, cells, f"{n:,}"))
    return rows


def _share(metric: Metric | None) -> str:
    return UNKNOWN if metric is None or metric.value is None else f"{metric.value:.1%}"


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
