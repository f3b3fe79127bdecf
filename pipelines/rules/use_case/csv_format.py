"""How the CSV files of a use case are written, where that is not obvious from the file."""

import codecs
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

SEPARATORS = (",", ".", "'", "’", " ", "\u00a0", "\u202f", "_")
_DAYS = (datetime(2003, 4, 5, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC))


class CsvFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of CSV files; without them, a value that is ambiguous is refused."""

    delimiter: str | None = None
    """Character between columns, `\\t` for a tab. By default, the one that splits the header into
    the columns of the contract."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of numbers. With a comma, a number with a point is refused, unless the point is
    the thousands separator."""
    thousands: str | None = None
    """Character between groups of three digits, such as `,` or a blank. A number may also have
    none. Groups of another length are refused."""
    encoding: str | None = None
    """Encoding of the text, such as `cp1252`. By default UTF-8, or UTF-16 with its byte-order
    mark."""
    date_format: str | None = None
    """Format of event times as of Python's `strptime`, such as `%d/%m/%Y %H:%M`. All event times
    must have it. By default ISO 8601."""
    header: tuple[str, ...] = ()
    """Names of the columns, in order, when the file has no header line."""


def csv_faults(csv: CsvFormat) -> Iterator[tuple[str, Any, str]]:
    """Yield the setting, its value and the remedy of each fault."""
    delimiter = csv.delimiter
    if delimiter is not None and not _is_delimiter(delimiter):
        yield (
            "delimiter",
            delimiter,
            "is not a delimiter; write a character that is no letter, digit, quote, point or sign",
        )
    if csv.thousands is not None and csv.thousands not in SEPARATORS:
        valid = ", ".join(map(repr, SEPARATORS))
        yield "thousands", csv.thousands, f"is not a thousands separator; use one of {valid}"
    if csv.thousands == csv.decimal:
        yield (
            "thousands",
            csv.thousands,
            "is also the decimal mark; set `decimal` to the other one",
        )
    if csv.encoding is not None and not _is_encoding(csv.encoding):
        yield "encoding", csv.encoding, "is not an encoding of text; use utf-8, cp1252 or another"
    if csv.date_format is not None and not _is_date_format(csv.date_format):
        yield (
            "date_format",
            csv.date_format,
            "does not have the year, the month and the day; write one such as %d/%m/%Y %H:%M",
        )
    if len(set(csv.header)) < len(csv.header):
        yield "header", list(csv.header), "has a name twice; give each column a name of its own"


def _is_delimiter(text: str) -> bool:
    return text in ("\\t", "tab") or (
        len(text) == 1 and text.isascii() and not text.isalnum() and text not in "\"'\r\n.+-\0"
    )


def _is_encoding(name: str) -> bool:
    try:
        return codecs.lookup(name)._is_text_encoding
    except LookupError:
        return False


def _is_date_format(text: str) -> bool:
    """Whether a day can be written in the format and read again."""
    first, last = _DAYS
    if first.strftime(text) == first.replace(year=last.year).strftime(text):
        return False  # Python 3.13 warns of a day that is read without its year
    try:
        return all(
            datetime.strptime(day.strftime(text), text).date() == day.date()  # noqa: DTZ007
            for day in _DAYS
        )
    except ValueError:
        return False
