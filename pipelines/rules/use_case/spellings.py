"""How a value may be spelled: one table for files and requests.

`read_feature`, `read_id` and `read_time` read one value as JSON or Python has it.
`pipelines.rules.ingestion.column_reading` reads a column in the same way. Each value is taken
exactly, or refused with a reason.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from pipelines.rules.use_case.contract import OTHER, Feature

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
TIME = (
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<clock>[0-9]{2}:[0-9]{2})(?P<seconds>:[0-9]{2})?(?P<fraction>\.[0-9]{1,9})?)?"
    r"(?P<zone>Z|z| ?UTC| ?[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
# In lower case.
TRUE = ("1", "1.0", "true", "t", "yes", "y")
FALSE = ("0", "0.0", "false", "f", "no", "n")
MISSING = ("na", "n/a", "nan", "null", "none")  # of a number or a bool, unless the contract says so
BLANK = " \t\n\v\f\r"

EXACT = 2**53 - 1  # larger whole numbers lose digits as float64
LARGEST = 3.4e38  # models take float32
LONGEST_ID = 128
YEARS = range(1970, 2262)  # the years that nanosecond timestamps of the data tools can hold
AHEAD = timedelta(days=1)  # how far in the future an event may lie

# Reasons of refusals.
ABSENT = "missing, and the contract does not allow it"
NOT_A_NUMBER = "not a number"
NOT_WHOLE = "not a whole number"
NOT_EXACT = f"a whole number beyond {EXACT}, which loses digits"
TOO_LARGE = f"beyond {LARGEST:g}, the largest number that a model can take"
NOT_BOOLEAN = "neither true nor false"
NOT_AN_ID = (
    f"not an id: text of 1 to {LONGEST_ID} characters without NUL that is not blank, "
    "or a whole number"
)
NOT_A_TIME = "not a date and time"
FAR_YEAR = f"not a time from {YEARS.start} to {YEARS.stop - 1}"
IN_FUTURE = "in the future"
# What a value was taken as.
CLIPPED = "beyond the range, taken as the nearest limit"
ACCEPTED = "beyond the range, accepted"
UNKNOWN = {"missing": "unknown, taken as missing", "other": f"unknown, taken as {OTHER}"}

_NUMBER = re.compile(NUMBER)
_WHOLE = re.compile(r"(?P<digits>[+-]?[0-9]+)\.0+")
_TIME = re.compile(TIME)


class Misread(ValueError):
    """A value that is refused; the message is the reason."""


def read_feature(
    value: Any, feature: Feature, *, treated: Callable[[str], None] = lambda _: None
) -> float:
    """Return the logged number of a raw feature: missing is NaN, a category its index.

    `treated` is called with the treatment of a value that is taken as another one. Raises Misread
    for a value that the contract does not allow.
    """
    if is_missing(value, feature):
        if not feature.nullable:
            raise Misread(ABSENT)
        return math.nan
    if feature.type == "bool":
        return _read_boolean(value)
    if feature.type == "category":
        index = category_index(value, feature)
        if index is None:
            treated(UNKNOWN[feature.unknown])
            return math.nan if feature.unknown == "missing" else float(feature.values.index(OTHER))
        return index
    number = _read_number(value, feature)
    limited = in_range(number, feature)
    if feature.range and not feature.range[0] <= number <= feature.range[1]:
        treated(CLIPPED if feature.beyond == "clip" else ACCEPTED)
    return limited


def is_missing(value: Any, feature: Feature) -> bool:
    """Whether a value means missing: null, empty text, NaN, or one of the feature's codes."""
    if value is None:
        return True
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return value != value or value in feature.missing_numbers
    if not isinstance(value, str):
        return False
    if value in feature.values:
        return False
    text = value.strip(BLANK)
    if not text:
        return True
    if feature.missing is None:
        return feature.type != "category" and text.lower() in MISSING
    if text in feature.missing:
        return True
    is_number = feature.type != "category" and _NUMBER.fullmatch(text)
    return bool(is_number) and float(text) in feature.missing_numbers


def category_index(value: Any, feature: Feature) -> float | None:
    """Return the index of a category; a whole number spells the category that has its digits.

    Returns None for an unknown category that the feature takes as another value. Raises Misread for
    one that it refuses.
    """
    text = category_text(value)
    if text is not None:
        for spelling in (text, whole_digits(text)):
            if spelling in feature.values:
                return float(feature.values.index(spelling))
    if text is None or feature.unknown == "refuse":
        raise Misread(not_one_of(feature))
    return None


def category_text(value: Any) -> str | None:
    """Return a category as text: true is `true`, 3.0 is `3`; None for a list or an object."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else None


def whole_digits(text: str) -> str:
    """Return the digits of a whole number that is spelled with a point: `3.0` → `3`."""
    match = _WHOLE.fullmatch(text)
    return match["digits"] if match else text


def in_range(value: float, feature: Feature) -> float:
    """Apply the range of a number; Misread when the contract refuses numbers beyond it."""
    if not abs(value) <= LARGEST:
        raise Misread(TOO_LARGE)
    if feature.range is None:
        return value
    low, high = feature.range
    if low <= value <= high or feature.beyond == "accept":
        return value
    if feature.beyond == "clip":
        return float(min(max(value, low), high))
    raise Misread(outside(feature))


def read_id(value: Any) -> str:
    """Return an id exactly as it was sent; a whole number is its digits.

    Raises Misread for text that is too long or blank, and for any other value.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        value = int(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and abs(value) < 10**LONGEST_ID:
        return str(value)
    # A number that no type can hold is a kind of text.
    if type(value) is not str or is_blank(value) or "\0" in value or len(value) > LONGEST_ID:
        raise Misread(NOT_AN_ID)
    return value


def is_blank(value: Any) -> bool:
    """Whether a value is text without a character, or with blanks only."""
    return isinstance(value, str) and not value.strip(BLANK)


def read_time(value: Any, *, now: datetime) -> datetime:
    """Return a time in UTC, to the nearest microsecond; a time without a zone is UTC.

    Takes ISO 8601 with a blank or a T between date and time. The time of day, the seconds, their
    fraction and the zone are optional. Raises Misread for any other value, for a year out of
    `YEARS`, and for a time more than `AHEAD` after `now`.
    """
    if isinstance(value, datetime):
        time = value if value.tzinfo else value.replace(tzinfo=UTC)
    else:
        time = _parsed_time(value)
    try:
        in_utc = time.astimezone(UTC)
    except OverflowError:  # year 1 or 9999
        raise Misread(FAR_YEAR) from None
    if in_utc.year not in YEARS:
        raise Misread(FAR_YEAR)
    if in_utc > now + AHEAD:
        raise Misread(IN_FUTURE)
    return in_utc


def outside(feature: Feature) -> str:
    """Return the reason for a number outside the range."""
    low, high = feature.range or (-LARGEST, LARGEST)
    return f"outside [{low:g}, {high:g}]"


def not_one_of(feature: Feature) -> str:
    """Return the reason for a category that is not listed."""
    return f"not one of {', '.join(feature.values)}"


def _read_number(value: Any, feature: Feature) -> float:
    number = _number(value)
    if number is None:
        raise Misread(NOT_A_NUMBER)
    if feature.type == "float":
        return float(number) if abs(number) <= LARGEST else math.inf
    if abs(number) > EXACT:
        raise Misread(NOT_EXACT)
    if number != number // 1:
        raise Misread(NOT_WHOLE)
    return float(number)


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip(BLANK)
    return float(text) if _NUMBER.fullmatch(text) else None


def _read_boolean(value: Any) -> float:
    text = category_text(value)
    spelling = "" if text is None else text.strip(BLANK).lower()
    if spelling in TRUE:
        return 1.0
    if spelling in FALSE:
        return 0.0
    raise Misread(NOT_BOOLEAN)


def _parsed_time(value: Any) -> datetime:
    match = _TIME.fullmatch(value.strip(BLANK)) if isinstance(value, str) else None
    if match is None:
        raise Misread(NOT_A_TIME)
    clock = match["clock"] or "00:00"
    seconds = match["seconds"] or ":00"
    nanos = int((match["fraction"] or ".0")[1:].ljust(9, "0"))
    try:
        second = datetime.fromisoformat(f"{match['date']}T{clock}{seconds}")
        local = second + timedelta(microseconds=(nanos + 500) // 1000)
        return local.replace(tzinfo=zone(match["zone"] or "Z"))
    except (ValueError, OverflowError):  # a day or an hour that does not exist
        raise Misread(NOT_A_TIME) from None


def zone(text: str) -> timezone:
    """Return the zone of `Z`, `UTC` or an offset such as `+02`, `-0530` and `+02:00`.

    Raises ValueError for an offset of a day or more.
    """
    offset = text.strip()
    if offset in ("Z", "z", "UTC"):
        return UTC
    digits = offset[1:].replace(":", "")
    hours = int(digits[:2])
    minutes = int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"{text!r} is not an offset from UTC")
    east = timedelta(hours=hours, minutes=minutes)
    return timezone(-east if offset[0] == "-" else east)
