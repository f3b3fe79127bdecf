"""For some days after its promotion a new champion has to keep what its decision promised; else rollback is woken."""

import logging
from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.records import LedgerEntry
from pipelines.rules.monitoring.drift_check import Span
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.promotion.champion_guard import LivePerformance, guard_violations, on_probation
from pipelines.rules.promotion.eligibility import last_good
from pipelines.steps.monitoring.newest_check import require_current

log = logging.getLogger(__name__)
CAUSE = "guard"


def run(context: Context) -> dict[str, Any]:
    """Pass when the new champion breaks its promise and there is a way back, with an alert that says how; skip otherwise."""
    require_current(context)
    entries, bake = (
        context.ledger.recent(context.name, limit=1000),
        context.use_case.policy.guard.bake,
    )
    promotion = on_probation(entries)
    if promotion is None or promotion.decision_id is None or context.as_of > promotion.at + bake:
        context.alerts.resolve(context.name, CAUSE)
        raise StepSkipped("no champion was promoted lately")
    decision = context.decisions.get(context.name, promotion.decision_id)
    live = _gather(context, promotion)
    broken = guard_violations(decision.gates or [], live, context.use_case.policy)
    if not broken:
        context.alerts.resolve(context.name, CAUSE)
        seen = f"{live.predictions:,} predictions and {live.outcomes.labelled:,} labels"
        raise StepSkipped(f"version {promotion.to_version} keeps its promise so far, by {seen}")
    message = f"version {promotion.to_version} {'; '.join(broken)}"
    alert = context.alerts.raise_(
        context.name, cause=CAUSE, severity="SEVERE", message=message, check_id=context.run_id
    )
    log.warning("%s", message)
    if last_good(entries) is None:
        raise StepSkipped(f"{message}; there is no earlier version to go back to")
    return {"alert_id": alert.id, "message": message}


def _gather(context: Context, promotion: LedgerEntry) -> LivePerformance:
    """The share flagged from this check's own figures, and what became of all that it predicted since it serves, as counted."""
    figures = context.metrics.of_check(context.name, context.run_id)
    rate = next(
        (
            m
            for m in figures
            if m.metric == "positive_rate" and m.model_version == promotion.to_version
        ),
        None,
    )
    n = rate.n if rate and rate.value is not None else 0
    drift = context.use_case.policy.drift
    since, until = (
        Span.at(moment, drift.step, drift.step) for moment in (promotion.at, context.as_of)
    )
    outcomes = context.rollups.scores(context.name, since.start, until.end).get(
        promotion.to_version, ScoreCounts.empty()
    )
    return LivePerformance(
        predictions=n, flagged=n * (rate.value or 0) if rate else 0.0, outcomes=outcomes
    )
