"""What the drift page shows, as plain values for its template."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pipelines.records import Alert, Metric

CELL, ROW, LEFT, HEIGHT, WIDTH = 6, 18, 190, 120, 760
SHADES = (
    (0.0, "#eef3f8"),
    (0.05, "#fbe5c8"),
    (0.1, "#f5b27a"),
    (0.25, "#e2703a"),
    (1.0, "#b3261e"),
)  # PSI above no drift
LINES = (("f1", "realised F1", "#1565c0"), ("estimated_f1", "estimated F1", "#90b8e8"))


def view(
    *,
    alerts: Sequence[Alert],
    figures: Sequence[Metric],
    version: int,
    history: Sequence[dict[str, Any]],
    days: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Everything the template names; `version` is of the comparison that alerts follow."""
    return {
        "alerts": alerts,
        "window": next((m for m in figures if m.metric == "drift_share"), None),
        "features": _features(figures, version),
        "scores": [
            m
            for m in figures
            if not m.feature and not m.metric.endswith(("drift_share", "drifted"))
        ],
        "heat": _heat(history),
        "chart": _chart(days),
    }


def _features(figures: Sequence[Metric], version: int) -> list[dict[str, Any]]:
    """A row for each feature, the one that moved most against what alerts compare with first."""
    found: dict[str, dict[str, Any]] = {}
    for m in figures:
        if m.feature:
            row = found.setdefault(m.feature, {"feature": m.feature, "baseline_psi": None})
            if m.model_version == version:
                row[m.metric] = m
            if m.metric == "psi" and m.model_version == 0:
                row["baseline_psi"] = m.value
    compared = [row for row in found.values() if "psi" in row]
    return sorted(compared, key=lambda row: row["psi"].value or 0.0, reverse=True)


def _heat(history: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """PSI above what no drift shows, a row for each feature and a column for each window."""
    ends: list[datetime] = sorted({row["window_end"] for row in history})
    if len(ends) < 2:
        return None
    names = sorted({row["feature"] for row in history})
    at, of = (
        {end: number for number, end in enumerate(ends)},
        {name: number for number, name in enumerate(names)},
    )
    cells = [
        {
            "x": LEFT + at[row["window_end"]] * CELL, "y": of[row["feature"]] * ROW, "fill": shade(row["excess"]),
            "title": f"{row['feature']}, {row['window_end']:%Y-%m-%d %H:%M}: PSI {row['excess']:+.3f} above no drift",
        }
        for row in history
    ]  # fmt: skip
    return {
        "cells": cells, "names": [(name, of[name] * ROW + 12) for name in names], "cell": CELL, "row": ROW,
        "width": LEFT + max(len(ends) * CELL, 240),
        "height": len(names) * ROW + 20, "first": ends[0], "last": ends[-1], "left": LEFT,
        "legend": [(f"≥ {limit:g}", colour) for limit, colour in SHADES[1:]],
    }  # fmt: skip


def shade(excess: float) -> str:
    """The colour of a PSI above what no drift shows."""
    return next(
        colour for limit, colour in reversed(SHADES) if excess >= limit or limit == SHADES[0][0]
    )


def _chart(days: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Lines over the days that have predictions, from 0 to 1; a day of which nothing else is known breaks a line."""
    dates: list[date] = [row["day"] for row in days]
    if len(dates) < 2:
        return None
    step = (WIDTH - LEFT) / (len(dates) - 1)
    lines = []
    for key, title, colour in LINES:
        parts: list[list[str]] = [[]]
        for number, row in enumerate(days):
            if row[key] is None:
                parts.append([])
            else:
                parts[-1].append(f"{LEFT + number * step:.1f},{HEIGHT * (1 - float(row[key])):.1f}")
        lines.append(
            {"title": title, "colour": colour, "parts": [" ".join(part) for part in parts if part]}
        )
    return {
        "lines": lines,
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "first": dates[0],
        "last": dates[-1],
    }
