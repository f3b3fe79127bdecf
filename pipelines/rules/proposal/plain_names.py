"""Names of features for columns of any name: `PaymentHistory 2.LTV%` → `payment_history_2_ltv`."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from keyword import iskeyword

LONGEST = 60  # characters
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def plain_names(columns: Sequence[str], reserved: Collection[str]) -> dict[str, str]:
    """Return a name for each column, all of them different, and none of `reserved`."""
    names: dict[str, str] = {}
    taken = set(reserved)
    for column in columns:
        name = plain_name(column)
        names[column] = _free(name, taken)
        taken.add(names[column])
    return names


def plain_name(column: str) -> str:
    """Return the words of a column's name in lower case, joined by underscores."""
    ascii_text = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()
    if ascii_text.isidentifier() and ascii_text == ascii_text.lower():
        name = ascii_text.strip("_")  # names that are plain already stay as they are
    else:
        name = "_".join(_WORDS.findall(ascii_text)).lower()
    name = name[:LONGEST].rstrip("_")
    if not name:
        return "column"
    if name[0].isdigit():
        return f"column_{name}"
    return f"{name}_" if iskeyword(name) else name


def _free(name: str, taken: Collection[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
