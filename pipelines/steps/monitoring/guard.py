"""Compare a newly promoted champion with the decision that promoted it; if worse, roll back.

The comparison lasts for the policy's `guard.bake` after the promotion. When this step passes, the
rollback DAG starts.
"""

import logging
from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.records import Alert, LedgerEntry
from pipelines.rules.monitoring.drift_check import Span
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.promotion.champion_guard import LivePerformance, guard_violations, on_probation
from pipelines.rules.promotion.eligibility import last_good
from pipelines.steps.monitoring.newest_check import require_current

log = logging.getLogger(__name__)
CAUSE = "guard"


def run(context: Context) -> dict[str, Any]:
    """Pass when the new champion performs worse than its decision promised.

    Raises an alert that says how. Skips when it performs as expected, when no champion was promoted
    recently, and when there is no earlier version to roll back to.
    """
    require_current(context)
    name = context.name
    policy = context.use_case.policy
    entries = context.ledger.recent(name, limit=1000)
    promotion = on_probation(entries)
    if (
        promotion is None
        or promotion.decision_id is None
        or context.as_of > promotion.at + policy.guard.bake
    ):
        ended = f"no champion was promoted in the last {policy.guard.bake}"
        context.alerts.resolve(name, CAUSE, ended)
        raise StepSkipped(ended)
    version = promotion.to_version
    decision = context.decisions.get(name, promotion.decision_id)
    gates = decision.gates or []
    live = _live_performance(context, promotion)
    broken = guard_violations(gates, live, policy)
    if not broken:
        as_expected = (
            f"version {version} performs as expected "
            f"({live.predictions:,} predictions, {live.outcomes.labelled:,} labels)"
        )
        context.alerts.resolve(name, CAUSE, as_expected)
        raise StepSkipped(as_expected)
    reasons = "; ".join(broken)
    message = f"version {version} {reasons}"
    alert = _raise_alert(context, version, message)
    if last_good(entries) is None:
        raise StepSkipped(f"{message}; there is no earlier version to roll back to")
    return {"alert_id": alert.id, "message": message}


def _raise_alert(context: Context, version: int, message: str) -> Alert:
    log.warning("%s", message)
    return context.alerts.raise_(
        context.name,
        cause=CAUSE,
        severity="SEVERE",
        message=message,
        check_id=context.run_id,
        model_version=version,
    )


def _live_performance(context: Context, promotion: LedgerEntry) -> LivePerformance:
    """The champion's flagged share in this check's window, and all its outcomes since promotion."""
    version = promotion.to_version
    step = context.use_case.policy.drift.step
    since = Span.at(promotion.at, step, step)
    until = Span.at(context.as_of, step, step)
    outcomes = context.rollups.scores(
        context.name,
        window_start=since.start,
        window_end=until.end,
    )
    predictions, flagged = _flagged(context, version)
    return LivePerformance(
        predictions=predictions,
        flagged=flagged,
        outcomes=outcomes.get(version, ScoreCounts.empty()),
    )


def _flagged(context: Context, version: int) -> tuple[int, float]:
    """The number of a version's predictions in the window, and how many of them were flagged."""
    metrics = context.metrics.of_check(context.name, context.run_id)
    for metric in metrics:
        if metric.metric != "positive_rate" or metric.model_version != version:
            continue
        if metric.value is not None:
            return metric.n, metric.n * metric.value
        break
    return 0, 0.0
