"""Find the candidate that the promotion is about, and whether a person has to look at it."""

from typing import Any

from pipelines.errors import StepSkipped
from pipelines.records import Decision
from pipelines.render import gate_card
from pipelines.rules.policy import Review
from pipelines.wiring import Context


def run(context: Context) -> dict[str, Any]:
    """Name the decision and the task that follows: review, or straight on to final_validation."""
    wanted = context.params.get("decision_id")
    decision = context.decisions.get(context.name, int(wanted)) if wanted else context.decisions.newest_approved(context.name)
    if decision is None:
        raise StepSkipped("no decision is APPROVED: there is nothing to promote")
    review = needs_review(decision, context.use_case.policy.review)
    return {
        "decision_id": decision.id,
        "evidence_hash": decision.evidence_hash,
        "next": "review" if review else "final_validation",
        "card": gate_card(decision),
    }


def needs_review(decision: Decision, review: Review) -> bool:
    """Whether the policy, or whoever asked for the run, wants a person to approve."""
    asked = bool(decision.params.get("require_review"))
    return asked or review.when == "always" or (review.when == "on_drift" and decision.trigger == "DRIFT")
