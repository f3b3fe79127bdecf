"""Find the candidate that the promotion is about, and whether a person has to look at it."""

from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.records import Decision, LedgerEntry, RecordedReview
from pipelines.reporting.tables import gate_card
from pipelines.rules.promotion.eligibility import needs_review, promotion_id, state_of
from pipelines.rules.promotion.ledger import champion


def run(context: Context) -> dict[str, Any]:
    """Name the decision and the task that follows: review, or straight on to final_validation."""
    decision = _wanted(context)
    if decision is None:
        raise StepSkipped("no decision is APPROVED: there is nothing to promote")
    if (bound := context.decisions.bind(context.name, context.run_id, decision.id)) != decision.id:
        decision = context.decisions.get(
            context.name, bound
        )  # a task that runs again is about the same decision
    entries = context.ledger.of(promotion_id(context.name, decision.id))
    answer = context.decisions.review_of(decision.id)
    if finished := _finished(context, decision, entries) or _rejected(decision, answer):
        raise StepSkipped(finished)
    answered = answer is not None or state_of(entries) is not None
    review = not answered and needs_review(decision, context.use_case.policy.review)
    return {
        "decision_id": decision.id,
        "evidence_hash": decision.evidence_hash,
        "next": "review" if review else "final_validation",
        "card": gate_card(decision),
    }


def _finished(context: Context, decision: Decision, entries: list[LedgerEntry]) -> str | None:
    """Say why there is nothing left to do for a decision, or None. A switch that was begun, or that serves, is repaired."""
    state = state_of(entries)
    if state in ("REFUSED", "ROLLED_BACK"):
        return f"decision {decision.id} was {state} before: {entries[-1].reason}"
    serves = champion(context.ledger.recent(context.name))
    if state == "DONE" and (serves is None or serves.version != decision.challenger_version):
        return f"decision {decision.id} was carried out at {entries[-1].at:%Y-%m-%d %H:%M} UTC, and another model serves since"
    return None


def _rejected(decision: Decision, answer: RecordedReview | None) -> str | None:
    """Say that a person rejected a decision, or None; the ledger may not say so yet."""
    if answer is None or answer.approved:
        return None
    return f"decision {decision.id} was rejected by {answer.reviewer} at {answer.at:%Y-%m-%d %H:%M} UTC"


def _wanted(context: Context) -> Decision | None:
    if context.params.get("decision_id") is None:
        return context.decisions.newest_approved(context.name)
    return context.decisions.get(context.name, context.number("decision_id"))
