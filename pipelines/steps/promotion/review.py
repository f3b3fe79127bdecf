"""Record what a person answered about a candidate; a rejection, or silence, refuses its promotion in the ledger."""

import logging
from dataclasses import dataclass, replace
from typing import Any

from pipelines.context import Context
from pipelines.errors import PromotionRefused
from pipelines.records import Decision, RecordedReview
from pipelines.rules.promotion.eligibility import promotion_id, state_of
from pipelines.steps.promotion.model_swap import refuse
from pipelines.steps.promotion.promote import of_decision

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Record the answer about a decision that nobody answered yet; any other answer is refused and changes nothing.

    Params: decision_id, approved, reviewer (None for silence), comment.
    """
    decision = context.decisions.of_promotion(
        context.name, context.run_id, context.number("decision_id")
    )
    answer = _answer(context)
    if answer.approved and (own := _own(decision, answer.reviewer)):
        raise PromotionRefused(own)
    if finished := _finished(context, decision, answer):
        raise PromotionRefused(finished)
    kept = context.decisions.record_review(
        context.name,
        decision.id,
        reviewer=answer.reviewer,
        approved=answer.approved,
        comment=answer.comment,
    )
    if not answer.says(kept):
        raise PromotionRefused(_answered(decision, kept))
    log.info("decision %s was %s", decision.id, answer.words)
    if not answer.approved:
        refuse(
            context,
            replace(of_decision(context, decision), actor=answer.reviewer, reason=answer.words),
        )
    return {"decision_id": decision.id, "approved": answer.approved, "reviewer": answer.reviewer}


@dataclass(frozen=True)
class ReviewAnswer:
    """What the form sent, or that nobody sent it in time."""

    reviewer: str
    approved: bool
    comment: str

    @property
    def words(self) -> str:
        """As the ledger says it."""
        said = f": {self.comment}" if self.comment else ""
        return f"{'approved' if self.approved else 'rejected'} by {self.reviewer}{said}"

    def says(self, kept: RecordedReview) -> bool:
        """Whether this is the answer that was kept: a repeated step brings the same one again."""
        return (self.reviewer, self.approved, self.comment or None) == (
            kept.reviewer,
            kept.approved,
            kept.comment,
        )


def _answer(context: Context) -> ReviewAnswer:
    given = context.params.get("reviewer")
    comment = str(context.params.get("comment") or ("" if given else "no answer in time"))
    return ReviewAnswer(str(given or "nobody"), context.params.get("approved") is True, comment)


def _finished(context: Context, decision: Decision, answer: ReviewAnswer) -> str | None:
    """Say that a decision was promoted or refused before, or None; the answer that led there may come again."""
    review = context.decisions.review_of(decision.id)
    if review is not None:
        return None if answer.says(review) else _answered(decision, review)
    entries = context.ledger.of(promotion_id(context.name, decision.id))
    state = state_of(entries)
    if state is None:
        return None
    return f"decision {decision.id} is {state} since {entries[-1].at:%Y-%m-%d %H:%M} UTC: this answer changes nothing"


def _answered(decision: Decision, review: RecordedReview) -> str:
    verb = "approved" if review.approved else "rejected"
    when = f"{review.at:%Y-%m-%d %H:%M} UTC"
    return (
        f"decision {decision.id} was {verb} by {review.reviewer} at {when}: the first answer stands"
    )


def _own(decision: Decision, reviewer: str) -> str | None:
    """Who forced a run past the cooldown may not approve what came of it: why not, or None."""
    if not decision.params.get("force") or decision.requested_by != reviewer:
        return None
    words = f"{reviewer} forced the run of decision {decision.id} and may not approve it"
    return f"{words}: clear this task and let somebody else answer"
