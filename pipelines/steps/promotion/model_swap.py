"""The switch itself: ledger, alias, acknowledgement by every live replica; promotion and rollback alike."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from pipelines.context import Context
from pipelines.errors import PromotionRefused
from pipelines.records import Replica
from pipelines.rules.promotion.eligibility import state_of
from pipelines.rules.promotion.ledger import Served, champion

log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
BESIDE = timedelta(
    minutes=1
)  # for all that a promotion does while it holds the lock, beside waiting for the replicas
ERROR_GRACE = 5.0  # seconds in which a replica may still report what it could not load before


@dataclass(frozen=True, kw_only=True)
class Swap:
    """What becomes Production, by whom and why; `id` is the same whenever the same swap is tried again."""

    id: UUID
    action: Literal["PROMOTE", "ROLLBACK"]
    target: Served
    actor: str
    reason: str
    decision_id: int | None = None
    evidence_hash: str | None = None


def carry_out(
    context: Context, swap: Swap, why_refused: Callable[[Served | None], str | None]
) -> dict[str, Any]:
    """INTENDED, then the alias, then DONE; tried again after a crash it goes on where it stopped.

    `why_refused` is told the champion and says why the swap may not begin, or None.
    """
    with context.ledger.locked(context.name, within=_longest(context)):
        return _carry_out(context, swap, why_refused)


def refuse(context: Context, swap: Swap) -> None:
    """Write down that a swap will not happen; one that did stays so."""
    with context.ledger.locked(context.name, within=_longest(context)):
        if state_of(context.ledger.of(swap.id)) is None:
            _write(context, swap, "REFUSED", swap.reason)
    context.registry.release(context.name, swap.target.version)


def _longest(context: Context) -> timedelta:
    """How long a promotion that goes well may hold the lock: it waits for the replicas, and asks MLflow a few times."""
    return context.use_case.policy.promotion.acknowledge_within + BESIDE


def _carry_out(
    context: Context, swap: Swap, why_refused: Callable[[Served | None], str | None]
) -> dict[str, Any]:
    before, now = (
        state_of(context.ledger.of(swap.id)),
        champion(context.ledger.recent(context.name)),
    )
    if before in ("REFUSED", "ROLLED_BACK"):
        _follow_ledger(context)
        raise PromotionRefused(f"{_name(swap)} was {before} already: see `sixgate ledger`")
    if before == "DONE" and now != swap.target:
        return {
            "version": swap.target.version,
            "state": "DONE",
            "note": "another model was promoted since",
        }
    if before is None:
        if refused := why_refused(now):
            _write(context, swap, "REFUSED", refused)
            raise PromotionRefused(f"{_name(swap)} is not carried out: {refused}")
        _write(context, swap, "INTENDED", swap.reason)
    context.registry.point(context.name, swap.target.version)
    source = _source(context, swap)
    if before == "DONE":
        _tag(context, source.version if source else None, swap.target.version)
        return {"version": swap.target.version, "state": "DONE"}
    note = _wait(context, swap)
    _write(context, swap, "DONE", f"{swap.reason}; {note}" if swap.action == "ROLLBACK" else note)
    _tag(context, source.version if source else None, swap.target.version)
    log.info("%s version %s is Production: %s", context.name, swap.target.version, note)
    return {"version": swap.target.version, "state": "DONE", "replicas": note}


def _name(swap: Swap) -> str:
    return (
        f"decision {swap.decision_id}"
        if swap.action == "PROMOTE"
        else f"the rollback to version {swap.target.version}"
    )


def _source(context: Context, swap: Swap) -> Served | None:
    """The model to swap out: the one the first entry names, so that a retry swaps the same."""
    written = context.ledger.of(swap.id)
    if not written:
        return champion(context.ledger.recent(context.name))
    version, digest = written[0].from_version, written[0].from_digest
    return Served(version, digest) if version and digest else None


def _write(context: Context, swap: Swap, state: str, reason: str) -> None:
    source = _source(context, swap)
    context.ledger.write(
        state, promotion_id=swap.id, use_case=context.name, from_version=source.version if source else None,
        from_digest=source.digest if source else None, to_version=swap.target.version, to_digest=swap.target.digest,
        action=swap.action, actor=swap.actor, reason=reason, decision_id=swap.decision_id, evidence_hash=swap.evidence_hash,
    )  # fmt: skip


def _wait(context: Context, swap: Swap) -> str:
    """Wait until every live replica serves the target; one that can't, or stays silent, takes everything back."""
    begun = time.monotonic()
    within = context.use_case.policy.promotion.acknowledge_within.total_seconds()
    while True:
        live = context.replicas.live(context.name)
        behind = [replica for replica in live if replica.digest != swap.target.digest]
        if not behind:
            return (
                f"acknowledged by {len(live)} replica{'s' * (len(live) > 1)}"
                if live
                else "no live replica: served from the next start on"
            )
        waited = time.monotonic() - begun
        if waited > within or (waited > ERROR_GRACE and any(replica.error for replica in behind)):
            _take_back(context, swap, behind)
        time.sleep(POLL_SECONDS)


def _take_back(context: Context, swap: Swap, behind: list[Replica]) -> None:
    silent = "; ".join(
        f"{replica.replica}: {replica.error or 'no acknowledgement'}" for replica in behind
    )
    source = _source(context, swap)
    _write(context, swap, "ROLLED_BACK", silent)
    context.registry.point(context.name, source.version if source else None)
    raise PromotionRefused(f"version {swap.target.version} was taken back: {silent}")


def _follow_ledger(context: Context) -> None:
    """Point the alias at what the ledger calls champion: MLflow may have been away when it had to be moved back."""
    now = champion(context.ledger.recent(context.name))
    if now:
        context.registry.point(context.name, now.version)


def _tag(context: Context, before: int | None, after: int) -> None:
    context.registry.tag(context.name, after, "stage", "production")
    context.registry.release(context.name, after)
    if before and before != after:
        context.registry.tag(context.name, before, "stage", "archived")
