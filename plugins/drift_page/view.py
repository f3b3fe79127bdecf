"""The values of the drift page's template."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pipelines.records import Alert, Metric

# Pixels.
CELL = 6
ROW = 18
LEFT = 190
HEIGHT = 120
WIDTH = 760
# Colours by PSI above its expected value without drift.
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
    history: Sequence[dict[str, Any]],
    days: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return all values of the template; `version` names the reference that alerts are based on."""
    windows = (metric for metric in metrics if metric.metric == "drift_share")
    scores = [
        metric
        for metric in metrics
        if not metric.feature and not metric.metric.endswith(("drift_share", "drifted"))
    ]
    return {
        "alerts": alerts,
        "window": next(windows, None),
        "features": _features(metrics, version),
        "scores": scores,
        "heat": _heat_map(history),
        "chart": _chart(days),
    }


def _features(metrics: Sequence[Metric], version: int) -> list[dict[str, Any]]:
    """Return a row per feature; the largest PSI against the reference of `version` comes first."""
    rows: dict[str, dict[str, Any]] = {}
    for metric in metrics:
        feature = metric.feature
        if feature:
            row = rows.setdefault(feature, {"feature": feature, "baseline_psi": None})
            if metric.model_version == version:
                row[metric.metric] = metric
            if metric.metric == "psi" and metric.model_version == 0:
                row["baseline_psi"] = metric.value
    compared = [row for row in rows.values() if "psi" in row]
    return sorted(compared, key=lambda row: row["psi"].value or 0.0, reverse=True)


def _heat_map(history: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return PSI above its expected value, a row per feature and a column per window."""
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
    return f"{row['feature']}, {time}: PSI {row['excess']:+.3f} above the value without drift"


def shade(excess: float) -> str:
    """Return the colour of a PSI that is `excess` above its expected value without drift."""
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
