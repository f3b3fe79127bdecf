"""May a candidate become Production, or a former one Production again? Compare and swap on the ledger."""

from uuid import UUID, uuid5

from pipelines.records import Decision, LedgerEntry
from pipelines.rules.promotion.ledger import Served, champion
from pipelines.rules.use_case.policy import Review
from pipelines.rules.use_case.run_parameters import RETRAINING, unknown_names

NAMESPACE = UUID("6f7c1d5e-6a0e-5e1b-9c86-51c6a7e51a7e")


def promotion_id(use_case: str, decision_id: int) -> UUID:
    """One promotion per decision: a retried task finds the rows it wrote."""
    return uuid5(NAMESPACE, f"{use_case}/decision/{decision_id}")


def rollback_id(use_case: str, run_id: str) -> UUID:
    """One rollback per run."""
    return uuid5(NAMESPACE, f"{use_case}/rollback/{run_id}")


def why_refused(
    decision: Decision, *, champion: Served | None, newest_approved: int | None, evidence_hash: str
) -> str | None:
    """Say why a decision may not be carried out (any more), or None."""
    now = champion.version if champion else None
    if decision.verdict == "SUPERSEDED" or (
        newest_approved is not None and newest_approved != decision.id
    ):
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


def last_good(entries: list[LedgerEntry]) -> int | None:
    """The version that was Production last before the one that is, newest entry first; bad ones are left out."""
    now, bad = champion(entries), _bad(entries)
    was = (entry.to_version for entry in entries if entry.state == "DONE")
    return next(
        (version for version in was if now and version != now.version and version not in bad), None
    )


def why_not_back(entries: list[LedgerEntry], version: int | None) -> str | None:
    """Say why Production may not go back to a version, or None: it was Production, it is not, and it was not taken away."""
    now = champion(entries)
    if now is None:
        return "nothing is Production yet"
    if version is None:
        return "no earlier version was good: see `sixgate ledger`"
    if version == now.version:
        return f"version {version} is Production already"
    if version not in {entry.to_version for entry in entries if entry.state == "DONE"}:
        return f"version {version} was never Production: only what passed the gates may serve"
    if version in _bad(entries):
        return f"version {version} was taken away before: see `sixgate ledger`"
    return None


def _bad(entries: list[LedgerEntry]) -> set[int]:
    """Versions that a rollback left, or that replicas could not serve; whoever came back later was forgiven."""
    bad, settled = (
        set[int](),
        [entry for entry in reversed(entries) if entry.state in ("DONE", "ROLLED_BACK")],
    )
    for entry in settled:
        if entry.state == "ROLLED_BACK":
            bad.add(entry.to_version)
        elif entry.action == "ROLLBACK" and entry.from_version is not None:
            bad.add(entry.from_version)
        else:
            bad.discard(entry.to_version)
    return bad


def needs_review(decision: Decision, review: Review) -> bool:
    """Whether the policy, or whoever asked for the run, wants a person to approve.

    A parameter that retraining does not take may be a misspelt `require_review`: decisions that
    were made before such runs were refused may hold one.
    """
    unknown = unknown_names(decision.params, RETRAINING)
    asked = bool(decision.params.get("require_review") or unknown)
    return (
        asked
        or review.when == "always"
        or (review.when == "on_drift" and decision.trigger == "DRIFT")
    )
