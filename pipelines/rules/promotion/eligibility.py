"""Which candidate may become Production, and which earlier version may return.

These rules are the comparison of a compare-and-swap on the ledger.
"""

from uuid import UUID, uuid5

from pipelines.records import Decision, LedgerEntry
from pipelines.rules.promotion.ledger import Served, champion
from pipelines.rules.use_case.policy_sections.promotion import Review
from pipelines.rules.use_case.run_parameters import RETRAINING, unknown_names

NAMESPACE = UUID("6f7c1d5e-6a0e-5e1b-9c86-51c6a7e51a7e")


def promotion_id(use_case: str, decision_id: int) -> UUID:
    """Return the id of a decision's promotion, so that a retried task finds the rows it wrote."""
    return uuid5(NAMESPACE, f"{use_case}/decision/{decision_id}")


def rollback_id(use_case: str, run_id: str) -> UUID:
    """Return the id of the rollback that a run makes; a run makes one at most."""
    return uuid5(NAMESPACE, f"{use_case}/rollback/{run_id}")


def why_promotion_refused(
    decision: Decision,
    *,
    champion: Served | None,
    newest_approved: int | None,
    evidence_hash: str,
    champion_is_real: bool = False,
) -> str | None:
    """Return why a decision may not be carried out, or no longer; None when it may.

    champion_is_real: the champion was judged on real rows.
    """
    newer_approved = newest_approved is not None and newest_approved != decision.id
    if decision.verdict == "SUPERSEDED" or newer_approved:
        return f"superseded: decision {newest_approved} approved a newer candidate"
    if decision.verdict != "APPROVED":
        return f"the verdict is {decision.verdict or 'pending'}, not APPROVED"
    version = champion.version if champion else None
    if version != decision.champion_version:
        return (
            f"the champion is version {version}, "
            f"and the decision was made against {decision.champion_version}: evaluate again"
        )
    if decision.evidence_source == "REFERENCE" and champion_is_real:
        return (
            f"it was trained on reference rows, and version {version} on real ones: "
            "evaluate again on real rows"
        )
    if decision.evidence_hash != evidence_hash:
        return "the evidence has changed since the verdict: evaluate again"
    return None


def state_of(entries: list[LedgerEntry]) -> str | None:
    """Return the newest state of one promotion, given its entries; None without entries."""
    return entries[-1].state if entries else None


def last_good(entries: list[LedgerEntry]) -> int | None:
    """Return the version to which a rollback goes by default, newest entry first.

    That is the last Production version before the current one that is not bad; None without one.
    """
    current = champion(entries)
    if current is None:
        return None
    excluded = _bad(entries) | {current.version}
    for entry in entries:
        if entry.state == "DONE" and entry.to_version not in excluded:
            return entry.to_version
    return None


def why_rollback_refused(entries: list[LedgerEntry], version: int | None) -> str | None:
    """Return why Production may not return to a version, newest entry first; None when it may.

    The version must have been Production, must not be it now, and must not have been rolled back.
    """
    current = champion(entries)
    if current is None:
        return "nothing is Production yet"
    if version is None:
        return "no earlier version was good: see `sixgate ledger`"
    if version == current.version:
        return f"version {version} is Production already"
    promoted = {entry.to_version for entry in entries if entry.state == "DONE"}
    if version not in promoted:
        return (
            f"version {version} was never Production: only versions that passed the gates may serve"
        )
    if version in _bad(entries):
        return f"version {version} was rolled back before: see `sixgate ledger`"
    return None


def _bad(entries: list[LedgerEntry]) -> set[int]:
    """Return the versions that were rolled back or that replicas could not serve.

    A version that was promoted again later is not bad.
    """
    bad: set[int] = set()
    for entry in reversed(entries):
        if entry.state == "ROLLED_BACK":
            bad.add(entry.to_version)
        elif entry.state != "DONE":
            continue
        elif entry.action == "ROLLBACK" and entry.from_version is not None:
            bad.add(entry.from_version)
        else:
            bad.discard(entry.to_version)
    return bad


def needs_review(decision: Decision, review: Review) -> bool:
    """Return whether the policy or the run's parameters require a person's approval.

    A parameter that retraining does not take may be a misspelt `require_review`: decisions that
    were made before such runs were refused may hold one.
    """
    if decision.params.get("require_review"):
        return True
    if unknown_names(decision.params, RETRAINING):
        return True
    if review.when == "on_drift":
        return decision.trigger == "DRIFT"
    return review.when == "always"
