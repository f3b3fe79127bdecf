"""What the ledger allows a replica to serve."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.records import LedgerEntry


@dataclass(frozen=True)
class Served:
    """A model version and the digest of its serving files."""

    version: int
    digest: str


def may_serve(newest: LedgerEntry | None) -> Served | None:
    """Return what a replica may serve by the newest entry that was not refused.

    That is the target of the entry, or its source where the entry was ROLLED_BACK.
    """
    if newest is None or newest.state == "REFUSED":
        return None
    if newest.state != "ROLLED_BACK":
        return Served(newest.to_version, newest.to_digest)
    if not newest.from_version or not newest.from_digest:
        return None
    return Served(newest.from_version, newest.from_digest)


def entry_of_champion(entries: list[LedgerEntry]) -> LedgerEntry | None:
    """Return the DONE entry that made the champion Production, newest entry first.

    None without a champion, and when `entries` do not reach back to its entry.
    """
    current = champion(entries)
    for entry in entries:
        if entry.state == "DONE" and Served(entry.to_version, entry.to_digest) == current:
            return entry
    return None


def promoting_decision(entries: Sequence[LedgerEntry], version: int) -> int | None:
    """Return the decision that made a version Production, newest entry first; None without one."""
    for entry in entries:
        if entry.state == "DONE" and entry.to_version == version and entry.decision_id:
            return entry.decision_id
    return None


def champion(entries: list[LedgerEntry]) -> Served | None:
    """Return the Production model by the ledger, newest entry first.

    A promotion counts once it is DONE: an entry that is only INTENDED is skipped.
    """
    for entry in entries:
        if entry.state in ("DONE", "ROLLED_BACK"):
            return may_serve(entry)
    return None
