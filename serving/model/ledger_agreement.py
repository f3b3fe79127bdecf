"""Whether alias and ledger agree: an alias is served only where the newest ledger row names its target."""

from pipelines.records import LedgerEntry
from pipelines.rules.promotion.ledger import Served


def allowed(newest: LedgerEntry | None) -> dict[int | None, Served | None]:
    """Return every version the alias may name, None for no alias, and what is served then.

    While a promotion is intended the alias may be on either side of its move.
    """
    if newest is None or newest.state == "REFUSED":
        return {None: None}
    before = {newest.from_version: _served(newest.from_version, newest.from_digest)}
    after: dict[int | None, Served | None] = {
        newest.to_version: Served(newest.to_version, newest.to_digest)
    }
    if newest.state == "DONE":
        return after
    return before if newest.state == "ROLLED_BACK" else {**before, **after}


def disagreement(use_case: str, newest: LedgerEntry | None, alias: int | None) -> str:
    """Say what does not agree, and what to do about it."""
    named = " or ".join(_words(version) for version in allowed(newest))
    return (
        f"alias production of {use_case} names {_words(alias)} and the ledger names {named}: promote through the gates, "
        "or move the alias back"
    )


def _served(version: int | None, digest: str | None) -> Served | None:
    return Served(version, digest) if version is not None and digest is not None else None


def _words(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
