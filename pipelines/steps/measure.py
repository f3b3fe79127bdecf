"""Measure drift in the window, and in each of its last disjoint steps, from the counts alone."""

import logging
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.records import Metric
from pipelines.rules.drift import WindowDrift, measure
from pipelines.stores.baseline import Manifest, read_manifest
from pipelines.wiring import Context

log = logging.getLogger(__name__)
STEP, WINDOW = "step_drift_share", "drift_share"
PROXIES = ("positive_rate", "score_mean", "score_sd", "score_entropy")


def run(context: Context) -> dict[str, Any]:
    """Write the figures of this check: PSI per feature and proxies of the window, and the drifted share of each step."""
    drift = context.use_case.policy.drift
    manifest = read_manifest(context.use_case.folder, context.use_case.contract)
    end = floor(context.as_of, drift.step)
    window = _window(context, manifest, end - drift.window, end)
    metrics = [
        *_features(context, window, end),
        *_proxies(context, end),
        _share(context, WINDOW, window, end - drift.window, end),
    ]
    for index in range(drift.severe.n):
        until = end - index * drift.step
        step = _window(context, manifest, until - drift.step, until)
        metrics.append(_share(context, STEP, step, until - drift.step, until))
    with context.connection.transaction():
        context.metrics.record(context.name, metrics)
    log.info("%s", describe(window))
    return {"check_id": context.run_id, "rows": window.n, "drifted": len(window.drifted)}


def floor(moment: datetime, step: timedelta) -> datetime:
    """The last step's end at or before a moment; steps are counted from 1970 on."""
    seconds = moment.timestamp() // step.total_seconds() * step.total_seconds()
    return datetime.fromtimestamp(seconds, UTC)


def describe(window: WindowDrift) -> str:
    """The window in words, a line per feature."""
    if not window.features:
        return f"{window.n} predictions in the window: too few to measure"
    lines = [f"{window.n:,} predictions, {len(window.drifted)} of {len(window.features)} features drifted"]
    for f in sorted(window.features, key=lambda f: f.psi, reverse=True):
        mark = "drifted" if f.drifted else ""
        lines.append(f"  {mark:7}  {f.feature:28} PSI {f.psi:.4f}, no drift would show {f.expected:.4f}, p {f.p_value:.2g}")
    return "\n".join(lines)


def _window(context: Context, manifest: Manifest, start: datetime, end: datetime) -> WindowDrift:
    rows = context.rollups.read(context.name, manifest.name, start, end)
    counts: dict[str, NDArray[np.int64]] = {
        name: np.zeros(len(profile.counts), np.int64) for name, profile in manifest.profiles.items()
    }
    for row in rows:
        counts[row["feature"]][row["bin"] + 1] += row["n"]
    return measure(manifest.profiles, counts, context.use_case.policy.drift)


def _features(context: Context, window: WindowDrift, end: datetime) -> list[Metric]:
    drift = context.use_case.policy.drift
    return [
        Metric(
            check_id=context.run_id, window_start=end - drift.window, window_end=end, feature=f.feature, metric="psi",
            value=f.psi, expected=f.expected, threshold=drift.psi, p_value=f.p_value, n=f.n,
        )
        for f in window.features
    ]  # fmt: skip


def _proxies(context: Context, end: datetime) -> list[Metric]:
    """Positive rate, score mean, spread and entropy per model version: what moves before labels come."""
    start = end - context.use_case.policy.drift.window
    return [
        Metric(
            check_id=context.run_id, window_start=start, window_end=end, model_version=row["model_version"], metric=name,
            value=row[name], n=row["n"],
        )
        for row in context.metrics.proxies(context.name, start, end)
        for name in PROXIES
    ]  # fmt: skip


def _share(context: Context, metric: str, window: WindowDrift, start: datetime, end: datetime) -> Metric:
    value = None if math.isnan(window.share) else window.share
    return Metric(
        check_id=context.run_id, window_start=start, window_end=end, metric=metric, value=value, n=window.n,
        threshold=context.use_case.policy.drift.dataset_share,
    )  # fmt: skip
