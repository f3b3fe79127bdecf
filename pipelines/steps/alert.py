"""Turn a check's figures into an alert: opened, escalated, or resolved when it is quiet again."""

import logging
import math
from typing import Any

from pipelines.errors import EvidenceError
from pipelines.records import Metric
from pipelines.rules.drift import severity
from pipelines.steps.measure import STEP, WINDOW
from pipelines.wiring import Context

log = logging.getLogger(__name__)
CAUSE = "feature_drift"


def run(context: Context) -> dict[str, Any]:
    """Decide by the policy and record; one alert per cause is open."""
    figures = context.metrics.of_check(context.name, context.run_id)
    shares = {metric.metric: metric for metric in figures if metric.metric in (STEP, WINDOW)}
    if WINDOW not in shares:
        raise EvidenceError(f"check {context.run_id} has no figures: run its measure step first")
    drifted = _drifted(context, figures)
    steps = sorted((m for m in figures if m.metric == STEP), key=lambda m: m.window_end)
    found = severity(_value(shares[WINDOW]), len(drifted), [_value(m) for m in steps], context.use_case.policy.drift)
    if found is None:
        context.alerts.resolve(context.name, CAUSE)
        log.info("quiet: %s", (shares[WINDOW].n and f"{len(drifted)} features drifted") or "no predictions")
        return {"severity": None}
    message = f"{len(drifted)} features drifted in {shares[WINDOW].n:,} predictions: {', '.join(drifted)}"
    alert = context.alerts.raise_(context.name, cause=CAUSE, severity=found, message=message, check_id=context.run_id)
    log.info("%s alert %s: %s", found, alert.id, message)
    return {"severity": found, "alert_id": alert.id}


def _drifted(context: Context, figures: list[Metric]) -> list[str]:
    """Features above the policy's threshold, worst first; the same rule that measured them."""
    level = context.use_case.policy.drift.level
    over = [
        m
        for m in figures
        if m.metric == "psi"
        and m.value is not None and m.expected is not None and m.threshold is not None and m.p_value is not None
        and m.value - m.expected > m.threshold and m.p_value < level
    ]  # fmt: skip
    return [m.feature for m in sorted(over, key=lambda m: m.value or 0, reverse=True)]


def _value(metric: Metric) -> float:
    return math.nan if metric.value is None else metric.value
