"""Guesses why a value is refused, so that the message can say what to do."""

import re
from dataclasses import dataclass
from typing import Any

from pipelines.rules.use_case.contract import Feature
from pipelines.rules.use_case.spellings import BLANK, is_missing


@dataclass(frozen=True)
class Cause:
    """A likely cause of a refusal, as a question, and what to do about it."""

    question: str
    request: str
    file: str

    @property
    def in_request(self) -> str:
        """The hint for whoever sent the value in a request."""
        return f"{self.question} {self.request}"

    @property
    def in_file(self) -> str:
        """The hint for whoever has the value in a file."""
        return f"{self.question} {self.file}"


DECIMAL_COMMA = Cause(
    "a decimal comma?", "write a point, as in 12.5", "set `csv.decimal: ','` in the contract"
)
THOUSANDS = Cause(
    "thousands separators?",
    "write the digits only, as in 1234.5",
    "set `csv.thousands: ','` in the contract",
)
OTHER_THOUSANDS = Cause(
    THOUSANDS.question,
    THOUSANDS.request,
    "set `csv.thousands` in the contract to the character between the digits",
)
CURRENCY = Cause("a currency sign?", "write the number only", "remove the sign from the column")
PERCENT = Cause("a percentage?", "write the number only", "remove the percent sign from the column")
DAY_AND_MONTH = Cause(
    "day, month and year in another order?",
    "write 2026-01-31",
    "set `csv.date_format: '%d/%m/%Y'` in the contract",
)
UNIX_TIME = Cause(
    "a Unix time?", "write 2026-01-31T10:00:00Z", "convert the column to dates and times"
)
MISSING_WORD = Cause(
    "does it mean missing?",
    "send null, or list it under the feature's `missing:` in the contract",
    "list it under the feature's `missing:` in the contract",
)
NOT_NULLABLE = Cause(
    "a word that means missing?",
    "send a value, or set `nullable: true` in the contract",
    "set `nullable: true` in the contract",
)
_NUMBER_CAUSES = (
    (re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"), THOUSANDS),
    (
        re.compile(r"[+-]?[0-9]{1,3}(?:[ '’_\u00a0\u2009\u202f][0-9]{3})+(?:[.,][0-9]*)?"),
        OTHER_THOUSANDS,
    ),
    (re.compile(r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+),[0-9]*"), DECIMAL_COMMA),
    (re.compile(r"[+-]?\s*[$€£¥₹].*|.*[$€£¥₹]|[A-Z]{3} ?[0-9.,]+|[0-9.,]+ ?[A-Z]{3}"), CURRENCY),
    (re.compile(r".*%"), PERCENT),
)
_DATE = re.compile(r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}.*")
_UNIX = re.compile(r"[0-9]{9,19}(?:\.[0-9]+)?")
_TOO_LARGE_FOR_A_TIME = 1e19
_MISSING = re.compile(r"n/?a|nan|null|none|unknown|missing|\?+|-+|\.+", re.IGNORECASE)


def likely_cause(value: Any, feature: Feature | None = None) -> Cause | None:
    """Return the likely cause of the refusal of a value; `feature` is None for a time or an id."""
    if isinstance(value, int | float) and not isinstance(value, bool) and feature is None:
        value = f"{value:.0f}" if abs(value) < _TOO_LARGE_FOR_A_TIME else ""
    if not isinstance(value, str):
        return None
    text = value.strip(BLANK)
    if feature is None:
        return _cause_of_time(text)
    if text and not feature.nullable and is_missing(value, feature):
        return NOT_NULLABLE
    if _MISSING.fullmatch(text):
        return MISSING_WORD
    if feature.type in ("category", "bool"):
        return None
    return next((cause for form, cause in _NUMBER_CAUSES if form.fullmatch(text)), None)


def _cause_of_time(text: str) -> Cause | None:
    if _DATE.fullmatch(text):
        return DAY_AND_MONTH
    return UNIX_TIME if _UNIX.fullmatch(text) else None
