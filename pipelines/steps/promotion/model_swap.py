"""Carry out a promotion or a rollback: ledger, alias, acknowledgement by every live replica."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NoReturn
from uuid import UUID

from pipelines.context import Context
from pipelines.errors import PromotionRefused
from pipelines.records import Replica
from pipelines.rules.promotion.eligibility import state_of
from pipelines.rules.promotion.ledger import Served, champion
from pipelines.steps.monitoring.replaced_model import resolve_replaced

log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
# For what a promotion does while it holds the lock, in addition to waiting for the replicas.
LOCK_MARGIN = timedelta(minutes=1)
ERROR_GRACE = 5.0  # seconds in which a replica may still report an error about an earlier model

Refusal = Callable[[Served | None], str | None]


@dataclass(frozen=True, kw_only=True)
class Swap:
    """One promotion or rollback: the new Production model, who requested it and why.

    `id` is the same whenever the same promotion or rollback is tried again.
    """

    id: UUID
    action: Literal["PROMOTE", "ROLLBACK"]
    target: Served
    actor: str
    reason: str
    decision_id: int | None = None
    evidence_hash: str | None = None

    @property
    def name(self) -> str:
        """As error messages call it."""
        if self.action == "PROMOTE":
            return f"decision {self.decision_id}"
        return f"the rollback to version {self.target.version}"


def carry_out(context: Context, swap: Swap, why_refused: Refusal) -> dict[str, Any]:
    """Write INTENDED, move the alias, write DONE; continue where an earlier attempt stopped.

    `why_refused` gets the champion, and returns why the swap may not begin, or None.
    """
    with context.ledger.locked(context.name, within=_lock_timeout(context)):
        return _carry_out(context, swap, why_refused)


def refuse(context: Context, swap: Swap) -> None:
    """Record that a swap is refused, unless the ledger already has an entry of it."""
    with context.ledger.locked(context.name, within=_lock_timeout(context)):
        if state_of(context.ledger.of(swap.id)) is None:
            _write(context, swap, "REFUSED", swap.reason)
    context.registry.release(context.name, swap.target.version)


def _lock_timeout(context: Context) -> timedelta:
    """How long a successful promotion may hold the lock: for the replicas, and for MLflow."""
    return context.use_case.policy.promotion.acknowledge_within + LOCK_MARGIN


def _carry_out(context: Context, swap: Swap, why_refused: Refusal) -> dict[str, Any]:
    version = swap.target.version
    state = state_of(context.ledger.of(swap.id))
    current = _champion(context)
    if state in ("REFUSED", "ROLLED_BACK"):
        _point_at_champion(context)
        raise PromotionRefused(f"{swap.name} was {state} already: see `sixgate ledger`")
    if state == "DONE" and current != swap.target:
        return {
            "version": version,
            "state": "DONE",
            "note": "another model was promoted since",
        }
    if state == "INTENDED" and current != _source(context, swap):
        _refuse_replaced(context, swap, current)
    if state is None:
        _begin(context, swap, why_refused(current))
    context.registry.point(context.name, version)
    source = _source(context, swap)
    if state == "DONE":
        resolve_replaced(context)
        _tag(context, source, swap.target)
        return {"version": version, "state": "DONE"}
    note = _wait_for_replicas(context, swap)
    reason = note
    if swap.action == "ROLLBACK":
        reason = f"{swap.reason}; {note}"
    _finish(context, swap, reason)
    _tag(context, source, swap.target)
    log.info("%s version %s is Production: %s", context.name, version, note)
    return {
        "version": version,
        "state": "DONE",
        "replicas": note,
    }


def _refuse_replaced(context: Context, swap: Swap, current: Served | None) -> NoReturn:
    """Write REFUSED for a swap that was cut off, because another model was promoted since."""
    reason = (
        f"it was cut off, and version {current.version if current else None} was promoted since: "
        "evaluate again"
    )
    _write(context, swap, "REFUSED", reason)
    _point_at_champion(context)
    raise PromotionRefused(f"{swap.name} is not carried out: {reason}")


def _finish(context: Context, swap: Swap, reason: str) -> None:
    """Write DONE and resolve the alerts about the former model, both or neither."""
    with context.connection.transaction():
        _write(context, swap, "DONE", reason)
        resolve_replaced(context)


def _begin(context: Context, swap: Swap, refusal: str | None) -> None:
    """Write INTENDED; raise PromotionRefused when there is a refusal, after writing REFUSED."""
    if refusal:
        _write(context, swap, "REFUSED", refusal)
        raise PromotionRefused(f"{swap.name} is not carried out: {refusal}")
    _write(context, swap, "INTENDED", swap.reason)


def _source(context: Context, swap: Swap) -> Served | None:
    """The model to replace: the one in the first entry, so that a retry replaces the same."""
    entries = context.ledger.of(swap.id)
    if not entries:
        return _champion(context)
    version = entries[0].from_version
    digest = entries[0].from_digest
    if not version or not digest:
        return None
    return Served(version, digest)


def _write(context: Context, swap: Swap, state: str, reason: str) -> None:
    source = _source(context, swap)
    context.ledger.write(
        state,
        promotion_id=swap.id,
        use_case=context.name,
        from_version=source.version if source else None,
        from_digest=source.digest if source else None,
        to_version=swap.target.version,
        to_digest=swap.target.digest,
        action=swap.action,
        actor=swap.actor,
        reason=reason,
        decision_id=swap.decision_id,
        evidence_hash=swap.evidence_hash,
    )


def _wait_for_replicas(context: Context, swap: Swap) -> str:
    """Wait until every live replica serves the target, and return the ledger's note.

    When a replica reports an error or does not acknowledge in time, restore the former model and
    raise PromotionRefused.
    """
    promotion = context.use_case.policy.promotion
    timeout = promotion.acknowledge_within.total_seconds()
    begun = time.monotonic()
    while True:
        live = context.replicas.live(context.name)
        behind = [replica for replica in live if replica.digest != swap.target.digest]
        if not behind:
            return _acknowledged_by(len(live))
        waited = time.monotonic() - begun
        failed = any(replica.error for replica in behind)
        if waited > timeout or (waited > ERROR_GRACE and failed):
            _restore(context, swap, behind)
        time.sleep(POLL_SECONDS)


def _acknowledged_by(replicas: int) -> str:
    if not replicas:
        return "no live replica: the model is served from the next start on"
    if replicas == 1:
        return "acknowledged by 1 replica"
    return f"acknowledged by {replicas} replicas"


def _restore(context: Context, swap: Swap, behind: list[Replica]) -> None:
    """Write ROLLED_BACK, point the alias at the former model, and raise PromotionRefused."""
    failures = [f"{replica.replica}: {replica.error or 'no acknowledgement'}" for replica in behind]
    reason = "; ".join(failures)
    source = _source(context, swap)
    former = source.version if source else None
    _write(context, swap, "ROLLED_BACK", reason)
    context.registry.point(context.name, former)
    raise PromotionRefused(f"version {swap.target.version} was rolled back: {reason}")


def _point_at_champion(context: Context) -> None:
    """Point the alias at the ledger's champion: MLflow may have been down when it had to move."""
    current = _champion(context)
    if current:
        context.registry.point(context.name, current.version)


def _champion(context: Context) -> Served | None:
    entries = context.ledger.recent(context.name)
    return champion(entries)


def _tag(context: Context, source: Served | None, target: Served) -> None:
    name = context.name
    registry = context.registry
    registry.tag(name, target.version, "stage", "production")
    registry.release(name, target.version)
    if source and source.version != target.version:
        registry.tag(name, source.version, "stage", "archived")
