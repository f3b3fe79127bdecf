"""Select the version to roll back to: the one that a person named, or the last good one."""

import logging
from typing import Any

from pipelines.context import Context
from pipelines.errors import PromotionRefused, StepSkipped
from pipelines.records import LedgerEntry
from pipelines.rules.promotion.champion_guard import on_probation
from pipelines.rules.promotion.eligibility import last_good, why_rollback_refused
from pipelines.rules.promotion.ledger import champion
from pipelines.steps.monitoring.guard import CAUSE

log = logging.getLogger(__name__)
BY_GUARD = "the new champion performs worse than its decision promised"


def run(context: Context) -> dict[str, Any]:
    """Return the version to roll back to, the champion's version, and the reason.

    Raises PromotionRefused when there is no such version. Skips when the guard started this run
    and the champion was already rolled back.
    """
    entries = context.ledger.recent(context.name, limit=1000)
    by_guard = context.trigger == "asset_triggered"
    # The guard may start several runs: only the first may roll back.
    if by_guard and on_probation(entries) is None:
        raise StepSkipped("the champion was already rolled back")
    version = _target(context, entries)
    if refusal := why_rollback_refused(entries, version):
        raise PromotionRefused(f"{context.name} was not rolled back: {refusal}")
    current = champion(entries)
    assert current is not None
    reason = _reason(context, by_guard)
    log.info(
        "rolling back from version %s to version %s: %s",
        current.version,
        version,
        reason,
    )
    return {
        "version": version,
        "from_version": current.version,
        "reason": reason,
    }


def _target(context: Context, entries: list[LedgerEntry]) -> int | None:
    if context.params.get("version") is None:
        return last_good(entries)
    return context.number("version")


def _reason(context: Context, by_guard: bool) -> str:
    """The reason that a person gave, what the guard observed, or who requested the rollback."""
    reason = context.params.get("reason")
    by_person = str(reason or "").strip()
    if by_person:
        return by_person
    if by_guard and (observed := _guard_message(context)):
        return observed
    requested_by = context.requested_by or "an unknown person"
    return f"requested by {requested_by}"


def _guard_message(context: Context) -> str | None:
    """The message of the guard's alert, which started this run."""
    for alert in context.alerts.recent(context.name):
        if alert.cause == CAUSE and alert.state != "RESOLVED":
            return f"{BY_GUARD}: {alert.message}"
    return None
