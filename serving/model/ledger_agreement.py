"""Compares the alias with the ledger: a version serves only if the newest ledger row names it."""

from pipelines.records import LedgerEntry
from pipelines.rules.promotion.ledger import Served, may_serve

Targets = dict[int | None, Served | None]


def allowed_targets(newest: LedgerEntry | None) -> Targets:
    """Return every version that the alias may name, with what is served then; None is no alias.

    While a promotion is INTENDED, the alias may name its source or its target.
    """
    if newest is None or newest.state == "REFUSED":
        return {None: None}
    source: Targets = {newest.from_version: _served(newest.from_version, newest.from_digest)}
    target: Targets = {newest.to_version: Served(newest.to_version, newest.to_digest)}
    if newest.state == "DONE":
        return target
    if newest.state == "ROLLED_BACK":
        return source
    return {**source, **target}


def in_production(newest: LedgerEntry | None) -> bool:
    """Whether a version is in Production; the target of a promotion under way is not yet."""
    if newest is not None and newest.state == "INTENDED":
        return newest.from_version is not None
    return may_serve(newest) is not None


def disagreement(use_case: str, newest: LedgerEntry | None, alias: int | None) -> str:
    """Describe a difference between alias and ledger, and how to remove it."""
    ledger_names = " or ".join(_name(version) for version in allowed_targets(newest))
    return (
        f"alias production of {use_case} names {_name(alias)} and the ledger names "
        f"{ledger_names}: promote through the gates, or move the alias back"
    )


def _served(version: int | None, digest: str | None) -> Served | None:
    if version is None or digest is None:
        return None
    return Served(version, digest)


def _name(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
