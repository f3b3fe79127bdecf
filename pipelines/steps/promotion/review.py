"""Record a person's answer about a candidate; a rejection, or no answer, refuses its promotion."""

import logging
from dataclasses import dataclass, replace
from typing import Any

from pipelines.context import Context
from pipelines.errors import PromotionRefused
from pipelines.records import Decision, RecordedReview
from pipelines.rules.promotion.eligibility import promotion_id
from pipelines.steps.promotion.model_swap import refuse
from pipelines.steps.promotion.promote import of_decision

log = logging.getLogger(__name__)
TIMEOUT = "timeout"  # the reviewer of a candidate that was not answered in time


def run(context: Context) -> dict[str, Any]:
    """Record the first answer about a decision; raise PromotionRefused on any other answer.

    Params: decision_id, approved, reviewer (None after the time-out), comment. Repeating
    the recorded answer is allowed.
    """
    decision = context.decisions.of_promotion(
        context.name, context.run_id, context.number("decision_id")
    )
    answer = _answer(context)
    if refusal := _forced_by(decision, answer) or _finished(context, decision, answer):
        raise PromotionRefused(refusal)
    recorded = context.decisions.record_review(
        context.name,
        decision.id,
        reviewer=answer.reviewer,
        approved=answer.approved,
        comment=answer.comment,
    )
    if not answer.equals(recorded):
        raise PromotionRefused(_already_answered(decision, recorded))
    log.info("decision %s was %s", decision.id, answer.summary)
    if not answer.approved:
        promotion = of_decision(context, decision)
        rejected = replace(
            promotion,
            actor=answer.reviewer,
            reason=answer.summary,
        )
        refuse(context, rejected)
    return {
        "decision_id": decision.id,
        "approved": answer.approved,
        "reviewer": answer.reviewer,
    }


@dataclass(frozen=True)
class ReviewAnswer:
    """The answer from the form, or a rejection by "timeout" when there was none in time."""

    reviewer: str
    approved: bool
    comment: str

    @classmethod
    def of(cls, recorded: RecordedReview) -> "ReviewAnswer":
        """Return a recorded answer as it was given."""
        return cls(
            reviewer=recorded.reviewer,
            approved=recorded.approved,
            comment=recorded.comment or "",
        )

    @property
    def summary(self) -> str:
        """The answer as the ledger's reason."""
        verb = "approved" if self.approved else "rejected"
        summary = f"{verb} by {self.reviewer}"
        if not self.comment:
            return summary
        return f"{summary}: {self.comment}"

    def equals(self, recorded: RecordedReview) -> bool:
        """Whether this is the recorded answer; a repeated step has the same one."""
        return self == ReviewAnswer.of(recorded)


def _answer(context: Context) -> ReviewAnswer:
    reviewer = context.params.get("reviewer")
    default_comment = "" if reviewer else "no answer in time"
    return ReviewAnswer(
        reviewer=str(reviewer or TIMEOUT),
        approved=context.params.get("approved") is True,
        comment=str(context.params.get("comment") or default_comment),
    )


def _finished(context: Context, decision: Decision, answer: ReviewAnswer) -> str | None:
    """That a decision was already promoted or refused, or None; the same answer may be repeated."""
    review = context.decisions.review_of(decision.id)
    if review is not None:
        if answer.equals(review):
            return None
        return _already_answered(decision, review)
    swap_id = promotion_id(context.name, decision.id)
    entries = context.ledger.of(swap_id)
    if not entries:
        return None
    last = entries[-1]
    since = f"{last.at:%Y-%m-%d %H:%M} UTC"
    return (
        f"decision {decision.id} has been {last.state} since {since}: this answer changes nothing"
    )


def _already_answered(decision: Decision, review: RecordedReview) -> str:
    verb = "approved" if review.approved else "rejected"
    answered_at = f"{review.at:%Y-%m-%d %H:%M} UTC"
    return (
        f"decision {decision.id} was {verb} by {review.reviewer} at {answered_at}: "
        "the first answer stands"
    )


def _forced_by(decision: Decision, answer: ReviewAnswer) -> str | None:
    """Why the reviewer may not approve, or None.

    Whoever forced a run past the cooldown may not approve its result.
    """
    if not answer.approved or not decision.params.get("force"):
        return None
    reviewer = answer.reviewer
    if decision.requested_by != reviewer:
        return None
    return (
        f"{reviewer} forced the run of decision {decision.id} and may not approve it: "
        "clear this task and let another person answer"
    )
