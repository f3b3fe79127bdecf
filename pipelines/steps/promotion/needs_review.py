"""Find the decision to promote, and whether a person must review it first."""

from dataclasses import replace
from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.records import Decision, LedgerEntry, RecordedReview
from pipelines.reporting.tables import gate_card
from pipelines.rules.promotion.eligibility import needs_review, promotion_id, state_of
from pipelines.rules.promotion.ledger import champion
from pipelines.steps.promotion.model_swap import refuse
from pipelines.steps.promotion.promote import of_decision
from pipelines.steps.promotion.review import ReviewAnswer


def run(context: Context) -> dict[str, Any]:
    """Return the decision and the task that follows: review, or final_validation directly."""
    decision = _decision(context)
    swap_id = promotion_id(context.name, decision.id)
    entries = context.ledger.of(swap_id)
    answer = context.decisions.review_of(decision.id)
    if reason := _finished(context, decision, entries):
        raise StepSkipped(reason)
    if answer is not None and (reason := _rejected(decision, answer)):
        if not entries:  # the step that recorded the answer was cut off before this
            promotion = of_decision(context, decision)
            summary = ReviewAnswer.of(answer).summary
            refuse(context, replace(promotion, actor=answer.reviewer, reason=summary))
        raise StepSkipped(reason)
    if answer is not None or state_of(entries) is not None:
        review = False
    else:
        review = needs_review(decision, context.use_case.policy.review)
    return {
        "decision_id": decision.id,
        "evidence_hash": decision.evidence_hash,
        "next": "review" if review else "final_validation",
        "card": gate_card(decision),
    }


def _decision(context: Context) -> Decision:
    """The requested decision or the newest one to promote; a repeated task returns the same one.

    That is the newest approved one whose promotion has not ended, if there is one.
    """
    name = context.name
    decisions = context.decisions
    if context.params.get("decision_id") is None:
        unfinished = decisions.unfinished(name)
        decision = unfinished[-1] if unfinished else decisions.newest_approved(name)
    else:
        decision = decisions.get(name, context.number("decision_id"))
    if decision is None:
        raise StepSkipped("no decision is APPROVED: there is nothing to promote")
    bound_id = decisions.bind(name, context.run_id, decision.id)
    if bound_id == decision.id:
        return decision
    return decisions.get(name, bound_id)


def _finished(context: Context, decision: Decision, entries: list[LedgerEntry]) -> str | None:
    """Why there is nothing left to do for a decision, or None.

    A promotion that was begun, or whose model is the champion, is carried out again to repair it.
    """
    if not entries:
        return None
    last = entries[-1]
    if last.state in ("REFUSED", "ROLLED_BACK"):
        return f"decision {decision.id} is already {last.state}: {last.reason}"
    if last.state != "DONE":
        return None
    recent = context.ledger.recent(context.name)
    served = champion(recent)
    if served is not None and served.version == decision.challenger_version:
        return None
    done_at = f"{last.at:%Y-%m-%d %H:%M} UTC"
    return f"decision {decision.id} was promoted at {done_at}, and another model replaced it since"


def _rejected(decision: Decision, answer: RecordedReview) -> str | None:
    """That a person rejected a decision, or None; the ledger may not have the rejection yet."""
    if answer.approved:
        return None
    answered_at = f"{answer.at:%Y-%m-%d %H:%M} UTC"
    return f"decision {decision.id} was rejected by {answer.reviewer} at {answered_at}"
