"""Record what a person answered about a candidate; a rejection, or silence, refuses its promotion in the ledger."""

import logging
from dataclasses import replace
from typing import Any

from pipelines.errors import PromotionRefused
from pipelines.records import Decision
from pipelines.steps.promote import of_decision
from pipelines.swap import refuse
from pipelines.wiring import Context

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Keep reviewer and comment with the decision; params: decision_id, approved, reviewer (None for silence), comment."""
    decision = context.decisions.get(context.name, context.number("decision_id"))
    approved, given = bool(context.params.get("approved")), context.params.get("reviewer")
    reviewer = str(given or "nobody")
    comment = str(context.params.get("comment") or ("" if given else "no answer in time"))
    if approved and (own := _own(decision, reviewer)):
        raise PromotionRefused(own)
    words = f"{'approved' if approved else 'rejected'} by {reviewer}" + (f": {comment}" if comment else "")
    told = comment if approved else f"rejected: {comment}" if comment else "rejected"
    context.decisions.record_review(context.name, decision.id, reviewer=reviewer, comment=told)
    log.info("decision %s was %s", decision.id, words)
    if not approved:
        refuse(context, replace(of_decision(context, decision), actor=reviewer, reason=words))
    return {"decision_id": decision.id, "approved": approved, "reviewer": reviewer}


def _own(decision: Decision, reviewer: str) -> str | None:
    """Who forced a run past the cooldown may not approve what came of it: why not, or None."""
    if not decision.params.get("force") or decision.requested_by != reviewer:
        return None
    words = f"{reviewer} forced the run of decision {decision.id} and may not approve it"
    return f"{words}: clear this task and let somebody else answer"
