"""Make a candidate Production by compare-and-swap, and wait until every live replica serves it."""

import logging
import time
from typing import Any
from uuid import UUID

from pipelines.errors import PromotionRefused
from pipelines.records import Decision, Replica
from pipelines.rules.ledger import Served, champion
from pipelines.rules.promotion import promotion_id, state_of, why_refused
from pipelines.wiring import Context

log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
ERROR_GRACE = 5.0  # seconds in which a replica may still report what it could not load before


def run(context: Context) -> dict[str, Any]:
    """INTENDED, then the alias, then DONE; re-run after a crash it goes on where it stopped."""
    decision = context.decisions.get(context.name, context.number("decision_id"))
    with context.ledger.locked(context.name):
        return _promote(context, decision)


def refuse(context: Context, decision: Decision, *, actor: str, reason: str) -> None:
    """Write down that a candidate will not be promoted; one that was stays so."""
    with context.ledger.locked(context.name):
        if state_of(context.ledger.of(promotion_id(context.name, decision.id))) is None:
            entry = _entry(context, decision, _target(context, decision))
            context.ledger.write("REFUSED", **{**entry, "actor": actor}, reason=reason)


def _promote(context: Context, decision: Decision) -> dict[str, Any]:
    promotion = promotion_id(context.name, decision.id)
    before = state_of(context.ledger.of(promotion))
    if before in ("REFUSED", "ROLLED_BACK"):
        _follow_ledger(context)
        raise PromotionRefused(
            f"decision {decision.id} was {before} already: see `sixgate ledger`; retrain for a new candidate"
        )
    target = _target(context, decision)
    entry = _entry(context, decision, target)
    if before is None:
        _intend(context, decision, entry)
    if before == "DONE" and champion(context.ledger.recent(context.name)) != target:
        return {"version": target.version, "state": "DONE", "note": "another model was promoted since"}
    context.registry.point(context.name, target.version)
    if before == "DONE":
        return {"version": target.version, "state": "DONE"}
    note = _wait(context, target, entry)
    context.ledger.write("DONE", **entry, reason=note)
    _tag(context, entry["from_version"], target.version)
    log.info("%s version %s is Production: %s", context.name, target.version, note)
    return {"version": target.version, "state": "DONE", "replicas": note}


def _target(context: Context, decision: Decision) -> Served:
    if decision.challenger_version is None:
        raise PromotionRefused(f"decision {decision.id} has no challenger")
    model = context.models.get(context.name, decision.challenger_version)
    return Served(model.version, model.digest)


def _entry(context: Context, decision: Decision, target: Served) -> dict[str, Any]:
    promotion = promotion_id(context.name, decision.id)
    from_version, from_digest = _source(context, promotion)
    return {
        "promotion_id": promotion,
        "use_case": context.name,
        "from_version": from_version,
        "from_digest": from_digest,
        "to_version": target.version,
        "to_digest": target.digest,
        "action": "PROMOTE",
        "actor": decision.reviewer or context.requested_by or f"{context.name}_promotion",
        "decision_id": decision.id,
        "evidence_hash": decision.evidence_hash,
    }


def _source(context: Context, promotion: UUID) -> tuple[int | None, str | None]:
    """The model to swap out: the one the first entry names, so that a retry swaps the same."""
    written = context.ledger.of(promotion)
    if written:
        return written[0].from_version, written[0].from_digest
    now = champion(context.ledger.recent(context.name))
    return (now.version, now.digest) if now else (None, None)


def _intend(context: Context, decision: Decision, entry: dict[str, Any]) -> None:
    """Refuse, or write down what is about to happen."""
    approved = context.decisions.newest_approved(context.name)
    refused = why_refused(
        decision,
        champion=champion(context.ledger.recent(context.name)),
        newest_approved=approved.id if approved else None,
        evidence_hash=str(context.params.get("evidence_hash") or decision.evidence_hash),
    )
    if refused:
        context.ledger.write("REFUSED", **entry, reason=refused)
        raise PromotionRefused(f"decision {decision.id} is not carried out: {refused}")
    context.ledger.write("INTENDED", **entry, reason=decision.reason or "")


def _wait(context: Context, target: Served, entry: dict[str, Any]) -> str:
    """Wait until every live replica serves the target; one that can't, or stays silent, takes everything back."""
    begun = time.monotonic()
    within = context.use_case.policy.promotion.acknowledge_within.total_seconds()
    while True:
        live = context.replicas.live(context.name)
        behind = [replica for replica in live if replica.digest != target.digest]
        if not behind:
            return (
                f"acknowledged by {len(live)} replica{'s' * (len(live) > 1)}"
                if live
                else "no live replica: served from the next start on"
            )
        waited = time.monotonic() - begun
        if waited > within or (waited > ERROR_GRACE and any(replica.error for replica in behind)):
            _take_back(context, entry, behind)
        time.sleep(POLL_SECONDS)


def _take_back(context: Context, entry: dict[str, Any], behind: list[Replica]) -> None:
    silent = "; ".join(f"{replica.replica}: {replica.error or 'no acknowledgement'}" for replica in behind)
    context.ledger.write("ROLLED_BACK", **entry, reason=silent)
    context.registry.point(context.name, entry["from_version"])
    raise PromotionRefused(f"version {entry['to_version']} was taken back: {silent}")


def _follow_ledger(context: Context) -> None:
    """Point the alias at what the ledger calls champion: MLflow may have been away when it had to be moved back."""
    now = champion(context.ledger.recent(context.name))
    if now:
        context.registry.point(context.name, now.version)


def _tag(context: Context, before: int | None, after: int) -> None:
    context.registry.tag(context.name, after, "stage", "production")
    if before and before != after:
        context.registry.tag(context.name, before, "stage", "archived")
