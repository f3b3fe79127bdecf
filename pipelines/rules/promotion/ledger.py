"""What the ledger says may be served."""

from dataclasses import dataclass

from pipelines.records import LedgerEntry


@dataclass(frozen=True)
class Served:
    """A model version and the digest of its serving files."""

    version: int
    digest: str


def may_serve(newest: LedgerEntry | None) -> Served | None:
    """Return what a replica may serve by the newest entry that was not refused: its target, or after a roll-back its source."""
    if newest is None or newest.state == "REFUSED":
        return None
    if newest.state == "ROLLED_BACK":
        return (
            Served(newest.from_version, newest.from_digest)
            if newest.from_version and newest.from_digest
            else None
        )
    return Served(newest.to_version, newest.to_digest)


def champion(entries: list[LedgerEntry]) -> Served | None:
    """Return the model that is Production by the ledger, newest entry first: an intention counts once it is done."""
    settled = next((entry for entry in entries if entry.state in ("DONE", "ROLLED_BACK")), None)
    return may_serve(settled)
