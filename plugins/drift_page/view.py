"""The values of the drift page's template."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pipelines.records import Alert, Metric
from pipelines.reporting.drift_cells import (
    NOT_YET,
    QUALITY_TITLES,
    cell,
    formatted,
    other_statistics,
    quality_rows,
)
from pipelines.rules.monitoring.drift_check import BASELINE, DRIFTED, NO_REFERENCE, SHARE
from pipelines.rules.monitoring.drift_rule import SIZE
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic

# Pixels.
CELL = 6
ROW = 18
LEFT = 190
HEIGHT = 120
WIDTH = 760
BAR = 120  # of a SIZE of 1 or more
# Colours by SIZE above its expected value without drift.
SHADES = (
    (0.0, "#eef3f8"),
    (0.05, "#fbe5c8"),
    (0.1, "#f5b27a"),
    (0.25, "#e2703a"),
    (1.0, "#b3261e"),
)
LINES = (("f1", "realised F1", "#1565c0"), ("estimated_f1", "estimated F1", "#90b8e8"))


def view(
    *,
    alerts: Sequence[Alert],
    metrics: Sequence[Metric],
    version: int,
    statistics: Sequence[DriftStatistic],
    history: Sequence[dict[str, Any]],
    days: Sequence[dict[str, Any]],
    champion: int | None = None,
    reference_note: str | None = None,
) -> dict[str, Any]:
    """Return all values of the template; `version` names the reference that alerts are based on.

    `reference_note` says that reference rows trained the champion.
    """
    windows = (metric for metric in metrics if metric.metric == SHARE)
    scores = [
        metric
        for metric in metrics
        if not metric.feature and not metric.metric.endswith((SHARE, DRIFTED))
    ]
    others = other_statistics(statistics)
    return {
        "alerts": alerts,
        "champion": champion,
        "reference_note": reference_note,
        "window": next(windows, None),
        "size": SIZE.title,
        "titles": [statistic.title for statistic in others],
        "features": _features(metrics, version, others),
        "quality": quality_rows(metrics),
        "quality_titles": list(QUALITY_TITLES.values()),
        "unmatched": [metric.feature for metric in metrics if metric.metric == NO_REFERENCE],
        "not_yet": NOT_YET,
        "scores": scores,
        "heat": _heat_map(history),
        "chart": _chart(days),
    }


def _features(
    metrics: Sequence[Metric], version: int, statistics: Sequence[DriftStatistic]
) -> list[dict[str, Any]]:
    """Return a row per compared feature; the largest drift from `version` comes first."""
    of_version: dict[str, dict[str, Metric]] = {}
    baseline: dict[str, float | None] = {}
    for metric in metrics:
        if metric.feature and metric.model_version == version:
            of_version.setdefault(metric.feature, {})[metric.metric] = metric
        if metric.metric == SIZE.name and metric.model_version == BASELINE:
            baseline[metric.feature] = metric.value
    compared = {name: row for name, row in of_version.items() if SIZE.name in row}
    largest_first = sorted(
        compared, key=lambda name: compared[name][SIZE.name].value or 0.0, reverse=True
    )
    return [
        {
            "feature": name,
            "baseline": formatted(SIZE, baseline.get(name)),
            **_cells(compared[name], statistics),
        }
        for name in largest_first
    ]


def _cells(row: dict[str, Metric], statistics: Sequence[DriftStatistic]) -> dict[str, Any]:
    """Return the size of a feature's drift, a cell for each other statistic, and its verdict."""
    size = row[SIZE.name]
    return {
        "size": formatted(SIZE, size.value),
        "expected": formatted(SIZE, size.expected),
        "bar": round(BAR * min(size.value or 0.0, 1.0), 1),
        "cells": [cell(statistic, row.get(statistic.name)) for statistic in statistics],
        "drifted": bool(row[DRIFTED].value),
    }


def _heat_map(history: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return SIZE above its expected value, a row per feature and a column per window."""
    ends: list[datetime] = sorted({row["window_end"] for row in history})
    if len(ends) < 2:
        return None
    features = sorted({row["feature"] for row in history})
    x_of = {end: LEFT + number * CELL for number, end in enumerate(ends)}
    y_of = {feature: number * ROW for number, feature in enumerate(features)}
    return {
        "cells": [
            {
                "x": x_of[row["window_end"]],
                "y": y_of[row["feature"]],
                "fill": shade(row["excess"]),
                "title": _cell_title(row),
            }
            for row in history
        ],
        "names": [(feature, y_of[feature] + 12) for feature in features],
        "cell": CELL,
        "row": ROW,
        "width": LEFT + max(len(ends) * CELL, 240),
        "height": len(features) * ROW + 20,
        "first": ends[0],
        "last": ends[-1],
        "left": LEFT,
        "legend": [(f"≥ {limit:g}", colour) for limit, colour in SHADES[1:]],
    }


def _cell_title(row: dict[str, Any]) -> str:
    time = f"{row['window_end']:%Y-%m-%d %H:%M}"
    excess = f"{SIZE.title} {row['excess']:+.3f} above the value without drift"
    return f"{row['feature']}, {time}: {excess}"


def shade(excess: float) -> str:
    """Return the colour of a SIZE that is `excess` above its expected value without drift."""
    for limit, colour in reversed(SHADES):
        if excess >= limit:
            return colour
    return SHADES[0][1]


def _chart(days: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return lines from 0 to 1 over the days with predictions; a day without a value breaks one."""
    dates: list[date] = [row["day"] for row in days]
    if len(dates) < 2:
        return None
    lines = [
        {"title": title, "colour": colour, "parts": _line_parts([row[key] for row in days])}
        for key, title, colour in LINES
    ]
    return {
        "lines": lines,
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "first": dates[0],
        "last": dates[-1],
    }


def _line_parts(values: Sequence[float | None]) -> list[str]:
    """Return the points of each unbroken part of a line, as SVG writes them."""
    step = (WIDTH - LEFT) / (len(values) - 1)
    parts: list[list[str]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            parts.append([])
        else:
            x = LEFT + number * step
            y = HEIGHT * (1 - float(value))
            parts[-1].append(f"{x:.1f},{y:.1f}")
    return [" ".join(part) for part in parts if part]
