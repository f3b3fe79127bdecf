"""Promote an approved challenger to Production, or roll back to an earlier version.

Both compare the champion with the expected one before they change it, and wait until every live
replica serves the new model.
"""

from typing import Any

from pipelines.context import Context
from pipelines.errors import PromotionRefused
from pipelines.records import Decision
from pipelines.rules.promotion.eligibility import (
    needs_review,
    promotion_id,
    rollback_id,
    state_of,
    why_promotion_refused,
    why_rollback_refused,
)
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.training.reference_rows import REAL
from pipelines.steps.champion_evidence import evidence_of_champion
from pipelines.steps.promotion.model_swap import Swap, carry_out


def run(context: Context) -> dict[str, Any]:
    """Promote a decision (param decision_id), or roll back.

    A rollback has the params version, from_version and reason.
    """
    if context.params.get("version") is not None:
        return _roll_back(context)
    return _promote(context)


def of_decision(context: Context, decision: Decision) -> Swap:
    """The promotion of a decision's challenger."""
    if decision.challenger_version is None:
        raise PromotionRefused(f"decision {decision.id} has no challenger")
    model = context.models.get(context.name, decision.challenger_version)
    actor = decision.reviewer or context.requested_by or f"{context.name}_promotion"
    return Swap(
        id=promotion_id(context.name, decision.id),
        action="PROMOTE",
        target=Served(model.version, model.digest),
        actor=actor,
        reason=decision.reason or "",
        decision_id=decision.id,
        evidence_hash=decision.evidence_hash,
    )


def _promote(context: Context) -> dict[str, Any]:
    decision = context.decisions.of_promotion(
        context.name, context.run_id, context.number("decision_id")
    )
    review = context.decisions.review_of(decision.id)
    swap_id = promotion_id(context.name, decision.id)
    state = state_of(context.ledger.of(swap_id))
    policy = context.use_case.policy
    if state is None and review is None and needs_review(decision, policy.review):
        raise PromotionRefused(
            f"decision {decision.id} needs a review: trigger {context.name}_promotion and answer "
            "the review there"
        )

    def refusal(champion: Served | None) -> str | None:
        if review and not review.approved:
            return f"it was rejected by {review.reviewer}"
        entries = context.ledger.recent(context.name, limit=1000)
        approved = context.decisions.newest_approved(context.name)
        evidence_hash = context.params.get("evidence_hash") or decision.evidence_hash
        return why_promotion_refused(
            decision,
            champion=champion,
            newest_approved=approved.id if approved else None,
            evidence_hash=str(evidence_hash),
            champion_is_real=evidence_of_champion(context, entries) in REAL,
        )

    swap = of_decision(context, decision)
    return carry_out(context, swap, refusal)


def _roll_back(context: Context) -> dict[str, Any]:
    version = context.number("version")
    expected = context.number("from_version")
    model = context.models.get(context.name, version)
    swap = Swap(
        id=rollback_id(context.name, context.run_id),
        action="ROLLBACK",
        target=Served(model.version, model.digest),
        actor=context.requested_by or f"{context.name}_rollback",
        reason=context.text("reason"),
    )

    def refusal(champion: Served | None) -> str | None:
        current = champion.version if champion else None
        if current != expected:
            return (
                f"the champion is version {current}, no longer version {expected}: "
                "start the rollback again"
            )
        entries = context.ledger.recent(context.name, limit=1000)
        return why_rollback_refused(entries, version)

    return carry_out(context, swap, refusal)
