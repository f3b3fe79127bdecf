"""May we go back, and to which version? Named by a person, or the last good one."""

import logging
from typing import Any

from pipelines.context import Context
from pipelines.errors import PromotionRefused, StepSkipped
from pipelines.rules.promotion.champion_guard import on_probation
from pipelines.rules.promotion.eligibility import last_good, why_rollback_refused
from pipelines.rules.promotion.ledger import champion
from pipelines.steps.monitoring.guard import CAUSE

log = logging.getLogger(__name__)
BY_GUARD = "the new champion breaks its promise"


def run(context: Context) -> dict[str, Any]:
    """Name the version to go back to, the one to leave, and why; refuse when there is nothing to go back to."""
    entries = context.ledger.recent(context.name, limit=1000)
    if context.trigger == "asset_triggered" and on_probation(entries) is None:
        raise StepSkipped(
            "the champion that broke its promise is gone already"
        )  # woken twice, one step back is enough
    now, wanted = champion(entries), context.params.get("version")
    version = last_good(entries) if wanted is None else context.number("version")
    if refused := why_rollback_refused(entries, version):
        raise PromotionRefused(f"{context.name} is not rolled back: {refused}")
    assert now is not None
    by_guard = _guards_reason(context) if context.trigger == "asset_triggered" else None
    given = str(context.params.get("reason") or "").strip()
    reason = given or by_guard or f"asked for by {context.requested_by or 'nobody known'}"
    log.info("from version %s back to version %s: %s", now.version, version, reason)
    return {"version": version, "from_version": now.version, "reason": reason}


def _guards_reason(context: Context) -> str | None:
    """What the guard saw that woke this run."""
    opened = [
        alert
        for alert in context.alerts.recent(context.name)
        if alert.cause == CAUSE and alert.state != "RESOLVED"
    ]
    return f"{BY_GUARD}: {opened[0].message}" if opened else None
