"""The values of a label: which are positive, negative or not known yet."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pipelines.rules.use_case.contract import LabelColumn, Value
from pipelines.rules.use_case.spellings import BLANK, EXACT, FALSE, NUMBER, TRUE, Misread

Key = str | float
POSITIVE, NEGATIVE, UNLABELLED = 1, 0, -1
NO_LABEL = "the label is missing"
NEITHER = "neither positive nor negative"

_NUMBER = re.compile(NUMBER)


class LabelValues:
    """Reads the label of a row: `POSITIVE`, `NEGATIVE` or `UNLABELLED`.

    With `classes`, 1 and 0 are the positive and the negative class if the contract lists neither.
    """

    def __init__(self, label: LabelColumn, *, classes: bool = False) -> None:
        positive = listed(label.positive)
        negative = listed(label.negative) or opposites(positive)
        self._classes = {
            **{label_key(value): UNLABELLED for value in label.unlabelled},
            **{label_key(value): NEGATIVE for value in negative},
            **{label_key(value): POSITIVE for value in positive},
        }
        if classes and not {0.0, 1.0} & self._classes.keys():
            self._classes.update({0.0: NEGATIVE, 1.0: POSITIVE})
        if {label_key(value) for value in (*positive, *negative)} <= {0.0, 1.0}:
            self._add_spellings()

    def __call__(self, value: Any) -> int:
        """Return the class of a value; Misread when the contract lists it in no class."""
        key = label_key("" if value is None else value)
        label = self._classes.get(key) if key is not None else None
        if label is not None:
            return label
        if key in (None, ""):
            raise Misread(NO_LABEL)
        raise Misread(NEITHER)

    def _add_spellings(self) -> None:
        """Take `true`, `yes` and the like for the class of 1, and `false` for the class of 0."""
        for spellings, number in ((TRUE, 1.0), (FALSE, 0.0)):
            if number in self._classes:
                for spelling in spellings:
                    self._classes.setdefault(label_key(spelling), self._classes[number])


def label_key(value: Any) -> Key | None:
    """Return what a value is compared by: numbers as numbers, text without case and outer blanks.

    True and false are 1 and 0. Returns None for NaN, for a number that loses digits as float64, and
    for what is no text, number or bool.
    """
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, bool | int | float):
        return float(value) if abs(value) <= EXACT else None
    if not isinstance(value, str):
        return None
    text = value.strip(BLANK)
    return float(text) if _NUMBER.fullmatch(text) else text.casefold()


def listed(values: Value | tuple[Value, ...]) -> tuple[Value, ...]:
    """Return one value or several as a tuple."""
    return values if isinstance(values, tuple) else (values,)


def label_fault(label: LabelColumn) -> Iterator[tuple[str, Any, str]]:
    """Yield the setting, its value and the remedy of each fault."""
    positive = listed(label.positive)
    negative = listed(label.negative)
    if not positive:
        yield "positive", [], "is empty; list the values of the positive class"
    if not (negative or opposites(positive)):
        yield (
            "negative",
            list(negative),
            "is missing; list the values of the negative class, such as `negative: [Fully Paid]`, "
            "so that no other value becomes a negative",
        )
    seen: dict[Key | None, str] = {}
    for name, values in (
        ("positive", positive),
        ("negative", negative),
        ("unlabelled", label.unlabelled),
    ):
        for value in values:
            key = label_key(value)
            if seen.setdefault(key, name) != name:
                yield name, value, f"is also listed as {seen[key]}; remove it from one of the lists"


def opposites(positive: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the other class of a positive class that is 1 or 0, true or false."""
    keys = {label_key(value) for value in positive}
    if keys == {1.0}:
        return (0,)
    return (1,) if keys == {0.0} else ()
