"""The decision that made the champion, and the source of its evidence."""

from collections.abc import Sequence

from pipelines.context import Context
from pipelines.records import Decision, LedgerEntry
from pipelines.rules.promotion.ledger import champion, promoting_decision


def decision_of_champion(context: Context, entries: Sequence[LedgerEntry]) -> Decision | None:
    """Return the decision that promoted the champion, newest entry first; None when unknown."""
    current = champion(list(entries))
    decision_id = promoting_decision(entries, current.version) if current else None
    return context.decisions.get(context.name, decision_id) if decision_id else None


def evidence_of_champion(context: Context, entries: Sequence[LedgerEntry]) -> str | None:
    """Return the source of the evidence on which the champion was approved; None when unknown."""
    decision = decision_of_champion(context, entries)
    return decision.evidence_source if decision else None
