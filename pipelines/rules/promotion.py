"""May a candidate become Production? Compare and swap on the ledger."""

from uuid import UUID, uuid5

from pipelines.records import Decision, LedgerEntry
from pipelines.rules.ledger import Served

NAMESPACE = UUID("6f7c1d5e-6a0e-5e1b-9c86-51c6a7e51a7e")


def promotion_id(use_case: str, decision_id: int) -> UUID:
    """One promotion per decision: a retried task finds the rows it wrote."""
    return uuid5(NAMESPACE, f"{use_case}/decision/{decision_id}")


def why_refused(decision: Decision, *, champion: Served | None, newest_approved: int | None, evidence_hash: str) -> str | None:
    """Say why a decision may not be carried out (any more), or None."""
    now = champion.version if champion else None
    if decision.verdict == "SUPERSEDED" or (newest_approved is not None and newest_approved != decision.id):
        return f"superseded: decision {newest_approved} approved a newer candidate"
    if decision.verdict != "APPROVED":
        return f"the verdict is {decision.verdict or 'not there yet'}, not APPROVED"
    if now != decision.champion_version:
        return f"the champion is version {now}, and the decision was made against {decision.champion_version}: evaluate again"
    if decision.evidence_hash != evidence_hash:
        return "the evidence is not what the verdict was made on: evaluate again"
    return None


def state_of(entries: list[LedgerEntry]) -> str | None:
    """The newest state of one promotion, None before its first."""
    return entries[-1].state if entries else None
