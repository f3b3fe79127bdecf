"""Tables of a drift check, for terminals and logs."""

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from pipelines.records import Metric
from pipelines.reporting.drift_cells import (
    NOT_YET,
    QUALITY_TITLES,
    UNKNOWN,
    cell,
    formatted,
    other_statistics,
    quality_rows,
)
from pipelines.reporting.tables import as_text, new_table, number
from pipelines.rules.monitoring.data_quality import FIELD_SHARES
from pipelines.rules.monitoring.drift_check import DRIFTED, NO_REFERENCE, SHARE, WEIGHTED
from pipelines.rules.monitoring.drift_rule import SIZE
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic

# The metrics in the second table of a drift check, below those of features.
PERFORMANCE_METRICS = (
    "positive_rate",
    "score_",
    "estimated_",
    "realised_",
    "label_coverage",
    "attribution_",
    "ahead",
    "repeated_share",
    "unmatched_share",
    "future_times",
)

MetricsByFeature = dict[tuple[str, str, int], Metric]  # by feature, metric and model version


def drift_text(
    metrics: Sequence[Metric], version: int, statistics: Sequence[DriftStatistic]
) -> str:
    """A drift check as plain text, for logs; `version` names the reference that alerts use."""
    return as_text(drift_view(metrics, version, statistics))


def drift_view(
    metrics: Sequence[Metric], version: int, statistics: Sequence[DriftStatistic]
) -> list[Table | Text]:
    """A drift check for people: the features by drift, then scores and performance.

    The size of drift is shown against each reference. All other statistics are against the
    reference that alerts use: the training data of `version`, or the baseline when it is 0.
    """
    shares = _by_version(metrics, SHARE)
    if not shares:
        return [Text("the drift check has no metrics")]
    window = shares[0]
    head = Text(
        f"{window.window_start:%Y-%m-%d %H:%M} to {window.window_end:%Y-%m-%d %H:%M} UTC: "
        f"{window.n:,} predictions"
    )
    if window.value is None:
        return [head, Text("too few predictions to compare"), *_quality_parts(metrics)]
    parts: list[Table | Text] = [head]
    parts.append(_feature_table(metrics, version, other_statistics(statistics)))
    weighted = _by_version(metrics, WEIGHTED)
    for reference, share in sorted(shares.items()):
        summary = _drift_summary(share, weighted.get(reference))
        parts.append(Text(summary))
    performance = _performance_table(metrics)
    if performance.row_count:
        parts.append(performance)
    return [*parts, *_quality_parts(metrics)]


def _by_version(metrics: Sequence[Metric], name: str) -> dict[int, Metric]:
    """The metrics of a name by model version."""
    return {metric.model_version: metric for metric in metrics if metric.metric == name}


def _drift_summary(share: Metric, weighted: Metric | None) -> str:
    version = share.model_version
    reference = f"the evaluation data of version {version}" if version else "the baseline"
    features = f"{share.value or 0:.0%} of the features"
    if weighted is not None and weighted.value is not None:
        features += f" ({weighted.value:.0%} of the importance)"
    return f"{features} drifted against {reference}"


def _feature_table(
    metrics: Sequence[Metric], version: int, statistics: Sequence[DriftStatistic]
) -> Table:
    """A row for each compared feature, by the size of its drift from the reference `version`."""
    by_feature = {
        (metric.feature, metric.metric, metric.model_version): metric
        for metric in metrics
        if metric.feature
    }
    sizes = {
        name: metric.value or 0.0
        for (name, statistic, reference), metric in by_feature.items()
        if statistic == SIZE.name and reference == version
    }
    references = sorted(
        {reference for _, statistic, reference in by_feature if statistic != NO_REFERENCE}
    )
    columns = ["feature"]
    for reference in references:
        name = f"version {reference}" if reference else "baseline"
        columns.append(f"{name}: {SIZE.title}")
        columns.append("no drift")
    titles = [statistic.title for statistic in statistics]
    table = new_table(*columns, *titles, "")
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        drifted = by_feature[name, DRIFTED, version]
        mark = "drifted" if drifted.value else ""
        table.add_row(
            name,
            *_size_cells(by_feature, name, references),
            *(cell(each, by_feature.get((name, each.name, version))) for each in statistics),
            Text(mark, style="red"),
        )
    for name, metric, _ in by_feature:
        if metric == NO_REFERENCE:
            table.add_row(name, *[UNKNOWN] * (2 * len(references) + len(titles)), NOT_YET)
    return table


def _size_cells(
    by_feature: MetricsByFeature, name: str, references: Sequence[int]
) -> Iterator[str]:
    """The size of a feature's drift and its expected value, by reference."""
    for reference in references:
        metric = by_feature.get((name, SIZE.name, reference))
        yield formatted(SIZE, metric.value if metric else None)
        yield formatted(SIZE, metric.expected if metric else None)


def _quality_parts(metrics: Sequence[Metric]) -> list[Table | Text]:
    """A table of the values that were refused or taken as another one; nothing without any."""
    rows = quality_rows(metrics)
    if not rows:
        return []
    table = new_table("data quality", *(QUALITY_TITLES[name] for name in FIELD_SHARES), "values")
    for row in rows:
        table.add_row(row.field, *row.shares, row.n)
    return [table]


def _performance_table(metrics: Sequence[Metric]) -> Table:
    table = new_table(
        "scores and performance",
        "version",
        "value",
        "interval",
        "floor",
        "n",
    )
    for metric in metrics:
        if metric.feature or not metric.metric.startswith(PERFORMANCE_METRICS):
            continue
        bounded = metric.low is not None
        has_floor = metric.metric.startswith("realised_")
        table.add_row(
            metric.metric,
            str(metric.model_version or "-"),
            number(metric.value),
            f"{number(metric.low)} … {number(metric.high)}" if bounded else "-",
            number(metric.threshold) if has_floor else "-",
            f"{metric.n:,}",
        )
    return table
