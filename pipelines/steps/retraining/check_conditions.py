"""Open the decision of a retraining run, and skip the run when it may not start."""

import logging
from typing import Any

import msgspec

from pipelines.context import Context, git_sha
from pipelines.errors import EvidenceError, StepSkipped
from pipelines.records import Decision
from pipelines.rules.promotion.ledger import champion
from pipelines.rules.training.reference_rows import IMPORTED, REAL
from pipelines.rules.training.retraining_conditions import WEEK, Conditions, why_not
from pipelines.steps.champion_evidence import evidence_of_champion

log = logging.getLogger(__name__)
TRIGGERS = {"scheduled": "SCHEDULE", "asset_triggered": "DRIFT"}


def run(context: Context) -> dict[str, Any]:
    """Open the decision; raises StepSkipped, with the reason, when the conditions are not met."""
    decision = _open(context)
    if decision.verdict == "SKIPPED":
        raise StepSkipped(
            f"decision {decision.id} was skipped before: {decision.reason}; trigger a new run"
        )
    if decision.verdict is not None:
        log.info(
            "decision %s is decided already (%s): its record stays as it is",
            decision.id,
            decision.verdict,
        )
        return {"decision_id": decision.id}
    _require_snapshot(context)
    reason = why_not(_gather(context), context.use_case.policy)
    if reason:
        context.decisions.decide(context.name, context.run_id, verdict="SKIPPED", reason=reason)
        raise StepSkipped(reason)
    log.info(
        "decision %s is open: %s, as of %s",
        decision.id,
        decision.trigger,
        decision.as_of.isoformat(),
    )
    return {"decision_id": decision.id}


def _require_snapshot(context: Context) -> None:
    """Raise EvidenceError unless the rows exist that the run names."""
    snapshot = context.params.get("snapshot")
    if snapshot == IMPORTED:
        if not context.imports.has_rows(context.name):
            raise EvidenceError(
                f"snapshot {IMPORTED!r}: {context.name}_ingest has imported no history: set "
                "`ingest.history` in the policy and run it"
            )
    elif snapshot:
        context.artifacts.require("snapshots", str(snapshot))


def _open(context: Context) -> Decision:
    return context.decisions.open(
        context.name,
        context.run_id,
        trigger=TRIGGERS.get(context.trigger, "MANUAL"),
        requested_by=context.requested_by,
        reason=context.params.get("reason") or None,
        params=context.params,
        as_of=context.as_of,
        policy=msgspec.to_builtins(context.use_case.policy),
        git_sha=git_sha(context.settings),
    )


def _gather(context: Context) -> Conditions:
    policy = context.use_case.policy
    matured_before = context.as_of - policy.label_maturity
    entries = context.ledger.recent(context.name, limit=1000)
    newest = context.decisions.newest_trained(context.name, but_run_id=context.run_id)
    return Conditions(
        as_of=context.as_of,
        has_champion=champion(entries) is not None,
        last_trained=newest.opened_at if newest else None,
        trained_this_week=context.decisions.trained_since(
            context.name, context.as_of - WEEK, but_run_id=context.run_id
        ),
        waiting=context.decisions.waiting(context.name),
        matured_labels=context.predictions.matured(
            context.name, matured_before - policy.evaluation.window, matured_before
        ),
        forced=bool(context.params.get("force")),
        reason=context.params.get("reason") or None,
        snapshot=context.params.get("snapshot") or None,
        has_history=context.imports.has_rows(context.name),
        reference=bool(context.params.get("reference")),
        champion_is_real=evidence_of_champion(context, entries) in REAL,
    )
