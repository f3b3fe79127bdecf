"""What each column is for: id, time, label, feature, or nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipelines.errors import DataError
from pipelines.rules.proposal.column_profile import ColumnProfile

MOST_LEVELS = 2000  # categories of one column
SINGLE_SHARE = 0.5  # of the rows, that categories of a column may be: more are texts or ids
ID_WORDS = {"id", "key", "uuid", "guid", "number", "no", "nr", "num", "index"}
BIRTH_WORDS = {"birth", "born", "dob", "birthday", "birthdate"}
EVENT_WORDS = {"time", "timestamp", "event", "created", "issued", "applied", "transaction", "at"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass
class Roles:
    """The columns of a file by what they are for.

    `left_out` has the reason for each column that is no feature. `times` are columns that may be
    the event time, the likeliest first.
    """

    features: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    transaction_id: str = ""
    times: list[str] = field(default_factory=list)


def roles(
    profiles: Mapping[str, ColumnProfile], *, time: str = "", id_: str = "", key: str = ""
) -> Roles:
    """Assign columns to roles; `time`, `id_` and `key` are those that a person named.

    Raises DataError when a named column can't be what it is named for.
    """
    found = Roles(times=_times(profiles, time))
    found.transaction_id = id_ or _id(profiles, key)
    for name, profile in profiles.items():
        if name in (found.transaction_id, key):
            continue
        reason = _why_not(profile)
        if reason:
            found.left_out[name] = reason
        else:
            found.features.append(name)
    return found


def words(name: str) -> set[str]:
    """Return the words of a column's name in lower case."""
    return {word.lower() for word in _WORD.findall(name)}


def _times(profiles: Mapping[str, ColumnProfile], named: str) -> list[str]:
    if named:
        profile = profiles[named]
        if profile.kind != "time" or profile.missing:
            raise DataError(
                f"--time {named}: not every value is a time from 1970 on that is not in the future"
            )
        return [named]
    usable = [
        name
        for name, profile in profiles.items()
        if profile.kind == "time"
        and not profile.missing
        and profile.distinct > 1
        and not words(name) & BIRTH_WORDS
    ]
    return sorted(usable, key=lambda name: not words(name) & EVENT_WORDS)


def _id(profiles: Mapping[str, ColumnProfile], key: str) -> str:
    """Return the column whose name and values are those of an id; '' when there is none."""
    unique = [
        name
        for name, profile in profiles.items()
        if name != key and profile.is_unique and _may_be_id(profile) and _is_named_id(name)
    ]
    return unique[0] if unique else ""


def _may_be_id(profile: ColumnProfile) -> bool:
    if profile.kind == "int" and profile.numbers is not None:
        return bool(profile.numbers.min() >= 0)
    return profile.kind == "category"


def _is_named_id(name: str) -> bool:
    return bool(words(name) & ID_WORDS) or name.lower().endswith("id")


def _why_not(profile: ColumnProfile) -> str:
    """Return why a column is no feature; '' for one that is."""
    if profile.kind == "empty":
        return "it is missing in every row"
    if profile.kind == "constant":
        return "every row has the same value"
    if profile.kind == "time" and profile.distinct == 1:
        return "every row has the same time"
    if profile.kind == "time":
        return "it is a time; a feature is a number, a bool or a category"
    if profile.kind == "int" and profile.is_unique and _is_row_number(profile):
        return "it numbers the rows"
    if profile.kind == "category":
        return _why_no_category(profile)
    if _is_named_id(profile.column) and profile.is_unique and _may_be_id(profile):
        return "it identifies the row"
    return ""


def _is_row_number(profile: ColumnProfile) -> bool:
    assert profile.numbers is not None
    return bool((np.diff(profile.numbers) > 0).all()) and profile.n > 20


def _why_no_category(profile: ColumnProfile) -> str:
    once = sum(count for _, count in profile.values if count == 1)
    if profile.distinct > 20 and once > SINGLE_SHARE * profile.present:
        return f"nearly every row has a value of its own ({profile.distinct:,} values)"
    return ""


def shown(names: Sequence[str], most: int = 5) -> str:
    """Return names in a sentence; only the first when there are many."""
    listing = ", ".join(names[:most])
    others = len(names) - most
    return f"{listing} and {others} more" if others > 0 else listing
