"""Make a candidate Production, or a former Production again: by compare-and-swap, acknowledged by every live replica."""

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
from pipelines.steps.promotion.model_swap import Swap, carry_out


def run(context: Context) -> dict[str, Any]:
    """Carry out a decision (param decision_id), or a rollback (params version, from_version and reason)."""
    return _back(context) if context.params.get("version") is not None else _forward(context)


def of_decision(context: Context, decision: Decision) -> Swap:
    """The swap that a decision asks for."""
    if decision.challenger_version is None:
        raise PromotionRefused(f"decision {decision.id} has no challenger")
    model = context.models.get(context.name, decision.challenger_version)
    return Swap(
        id=promotion_id(context.name, decision.id), action="PROMOTE", target=Served(model.version, model.digest),
        actor=decision.reviewer or context.requested_by or f"{context.name}_promotion", reason=decision.reason or "",
        decision_id=decision.id, evidence_hash=decision.evidence_hash,
    )  # fmt: skip


def _forward(context: Context) -> dict[str, Any]:
    decision = context.decisions.of_promotion(
        context.name, context.run_id, context.number("decision_id")
    )
    review = context.decisions.review_of(decision.id)
    begun = state_of(context.ledger.of(promotion_id(context.name, decision.id)))
    if begun is None and review is None and needs_review(decision, context.use_case.policy.review):
        raise PromotionRefused(
            f"decision {decision.id} needs a review: trigger {context.name}_promotion and answer it there"
        )

    def refused(now: Served | None) -> str | None:
        if review and not review.approved:
            return f"it was rejected by {review.reviewer}"
        approved = context.decisions.newest_approved(context.name)
        return why_promotion_refused(
            decision, champion=now, newest_approved=approved.id if approved else None,
            evidence_hash=str(context.params.get("evidence_hash") or decision.evidence_hash),
        )  # fmt: skip

    return carry_out(context, of_decision(context, decision), refused)


def _back(context: Context) -> dict[str, Any]:
    version, source = context.number("version"), context.number("from_version")
    model = context.models.get(context.name, version)
    swap = Swap(
        id=rollback_id(context.name, context.run_id), action="ROLLBACK", target=Served(model.version, model.digest),
        actor=context.requested_by or f"{context.name}_rollback", reason=context.text("reason"),
    )  # fmt: skip

    def refused(now: Served | None) -> str | None:
        if now is None or now.version != source:
            return f"the champion is version {now.version if now else None}, not {source} any more: check again"
        return why_rollback_refused(context.ledger.recent(context.name, limit=1000), version)

    return carry_out(context, swap, refused)
