"""Resolve the alerts about a model that another model replaced."""

import logging

from pipelines.context import Context
from pipelines.records import LedgerEntry
from pipelines.rules.monitoring.replaced_model import newest_done, why_resolved

log = logging.getLogger(__name__)


def production(context: Context) -> LedgerEntry | None:
    """The ledger's entry of the model that is Production."""
    entries = context.ledger.recent(context.name, limit=1000)
    return newest_done(entries)


def resolve_replaced(context: Context) -> None:
    """Resolve each open alert about a model that is not Production; repeating it changes nothing.

    A promotion and a rollback do this, and each drift check does it again.
    """
    newest = production(context)
    for alert in context.alerts.open(context.name):
        reason = why_resolved(alert, newest)
        if reason is None:
            continue
        context.alerts.resolve_replaced(alert, reason)
        log.info("%s alert %s is resolved: %s", alert.cause, alert.id, reason)
