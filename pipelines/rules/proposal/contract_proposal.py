"""The contract of a new use case, as a document with a comment for each guess."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.proposal.column_profile import ColumnProfile
from pipelines.rules.proposal.column_roles import MOST_LEVELS, Roles
from pipelines.rules.proposal.plain_names import plain_names
from pipelines.rules.use_case.contract import OTHER, LabelColumn
from pipelines.rules.use_case.spellings import MISSING

HEAD_ROOM = 0.5  # of the span of the values, that a range is wider on either side
RARE = 10  # rows: a category with fewer is left to `other` in a column with many
MANY = 50  # categories


@dataclass
class ContractProposal:
    """The document of a contract, and comments by the name of a feature."""

    document: dict[str, Any]
    comments: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def propose_contract(
    *,
    title: str,
    profiles: dict[str, ColumnProfile],
    roles: Roles,
    label: LabelColumn,
    time: str,
    key: str,
    csv: dict[str, str],
    codes: dict[str, tuple[float, ...]] | None = None,
) -> ContractProposal:
    """Propose a contract; `codes` are numbers of a column that mean missing."""
    columns = {"entity_key": key, "transaction_id": roles.transaction_id, "event_time": time}
    named = plain_names([column for column in columns.values() if column], ())
    identity = {role: named[column] for role, column in columns.items() if column}
    identity = {"entity_key": "entity_id", "transaction_id": "row_id"} | identity
    reserved = {*identity.values(), label.name, "transaction_id", "event_time"}
    names = plain_names(roles.features, reserved)
    proposal = ContractProposal({"title": title, **identity}, names=names)
    proposal.document["label"] = _label(label)
    sources = {
        column.strip(): name for column, name in (names | named).items() if column.strip() != name
    }
    if sources:
        proposal.document["sources"] = sources
    if csv:
        proposal.document["csv"] = csv
    features = {}
    for column, name in names.items():
        settings, comment = _feature(profiles[column], (codes or {}).get(column, ()))
        features[name] = settings
        proposal.comments[name] = comment
    proposal.document["features"] = features
    return proposal


def _label(label: LabelColumn) -> dict[str, Any]:
    document: dict[str, Any] = {"name": label.name}
    for key in ("positive", "negative", "unlabelled"):
        value = getattr(label, key)
        if value not in ((), 1) or isinstance(value, bool):
            document[key] = list(value) if isinstance(value, tuple) else value
    return document


def _feature(profile: ColumnProfile, numbers: Sequence[float]) -> tuple[dict[str, Any], str]:
    """Return the settings of a feature, and a comment on what was seen."""
    settings: dict[str, Any] = {"type": profile.kind}
    missing = profile.missing
    codes: list[str | int | float] = [*profile.codes]
    if profile.kind == "category":
        settings |= _levels(profile)
    elif profile.kind in ("int", "float") and profile.numbers is not None:
        present = profile.numbers[~np.isnan(profile.numbers)]
        coded = np.isin(present, list(numbers))
        missing += int(coded.sum())
        codes += [int(code) if code == int(code) else code for code in numbers]
        settings["range"] = list(head_room(present[~coded]))
    if missing or codes:
        settings["nullable"] = True
    if codes:
        settings["missing"] = [*codes, *_words(profile)]
    return settings, _comment(profile, missing, numbers)


def _words(profile: ColumnProfile) -> list[str]:
    """Return the words that mean missing by default: a list of codes replaces that default."""
    return [value for value, _ in profile.values if value.lower() in MISSING]


def _levels(profile: ColumnProfile) -> dict[str, Any]:
    levels = [value for value, _ in profile.values if value != OTHER]
    if len(levels) > MANY:
        frequent = [value for value, count in profile.values if count >= RARE and value != OTHER]
        levels = (frequent or levels)[:MOST_LEVELS]
    return {"values": levels, "unknown": "other"}


def head_room(numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Return a range that is wider than that of the numbers (n,); 0 stays the lower limit."""
    least = float(numbers.min())
    greatest = float(numbers.max())
    span = greatest - least
    step = 10.0 ** (math.floor(math.log10(span)) - 1) if span else 1.0
    low = 0.0 if least >= 0 else _multiple(math.floor, least - HEAD_ROOM * span, step)
    return _limit(low), _limit(_multiple(math.ceil, greatest + HEAD_ROOM * span, step))


def _multiple(rounded: Callable[[float], int], number: float, step: float) -> float:
    """Return a multiple of `step` without the digits that floats add."""
    return float(f"{rounded(number / step) * step:.12g}")


def _limit(number: float) -> float:
    return int(number) if number == int(number) else number


def _comment(profile: ColumnProfile, missing: int, codes: Sequence[float]) -> str:
    parts = []
    if missing:
        parts.append(f"missing in {missing / profile.n:.1%}")
    if profile.kind == "category":
        parts.append(f"{profile.distinct:,} values")
    elif profile.numbers is not None and profile.kind in ("int", "float"):
        present = profile.numbers[~np.isnan(profile.numbers)]
        present = present[~np.isin(present, list(codes))]
        parts.append(f"seen {present.min():g} to {present.max():g}")
    return ", ".join(parts)
