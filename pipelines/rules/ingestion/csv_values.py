"""Reads numbers and times of a CSV file that are written in another way than the spellings."""

import re
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.rules.use_case.spellings import BLANK, NUMBER

# Directives that Arrow reads as Python does.
FAST = frozenset("YmdHMS")
UNREADABLE = "not a number here: "


def convert(table: pa.Table, contract: Contract, settings: CsvFormat) -> pa.Table:
    """Return a table of text with numbers and times as the spellings have them.

    What is not written as the settings say is left, or made unreadable if it would be read as
    another value.
    """
    if settings.decimal != "." or settings.thousands:
        for feature in contract.features:
            if feature.type in ("float", "int"):
                text = _numbers(table[feature.name], settings)
                table = _with(table, feature.name, text)
    if settings.date_format and contract.event_time in table.column_names:
        times = _times(table[contract.event_time], settings.date_format)
        table = _with(table, contract.event_time, times)
    return table


def _with(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def _numbers(text: pa.ChunkedArray, settings: CsvFormat) -> pa.ChunkedArray:
    """Return numbers with a point and without separators; `1.5` with a decimal comma is none."""
    text = pc.utf8_trim(text, BLANK)
    matches = pc.match_substring_regex(text, _form(settings))
    plain = text
    if settings.thousands:
        plain = pc.replace_substring(plain, settings.thousands, "")
    plain = pc.replace_substring(plain, settings.decimal, ".")
    ambiguous = pc.match_substring_regex(text, f"^{NUMBER}$")
    unreadable = pc.binary_join_element_wise(UNREADABLE, text, "")
    return pc.if_else(matches, plain, pc.if_else(ambiguous, unreadable, text))


def _form(settings: CsvFormat) -> str:
    """Return the expression of a number; it has groups of three digits, or no separator."""
    digits = "[0-9]+"
    if settings.thousands:
        digits = f"([0-9]{{1,3}}({re.escape(settings.thousands)}[0-9]{{3}})+|[0-9]+)"
    mark = re.escape(settings.decimal)
    return f"^[+-]?({digits}({mark}[0-9]*)?|{mark}[0-9]+)([eE][+-]?[0-9]+)?$"


def _times(text: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """Return times as Python's strptime reads them, in UTC without a zone; null for others."""
    text = pc.utf8_trim(text, BLANK)
    directives = set(re.findall("%(.)", form))
    if directives - FAST or "Y" not in directives:
        return _by_python(text, form)
    seconds = pc.strptime(text, format=form, unit="s", error_is_null=True)
    # Arrow takes 30 February as 2 March: what it writes again differently is read by Python.
    same = pc.fill_null(pc.equal(pc.strftime(seconds, format=form), text), False)
    times = pc.cast(pc.if_else(same, seconds, None), pa.timestamp("us"))
    if pc.all(same).as_py():
        return times
    return pc.coalesce(times, _by_python(pc.if_else(same, None, text), form))


def _by_python(text: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    distinct = text.unique()
    times = [_time(value, form) for value in distinct.to_pylist()]
    return pa.array(times, pa.timestamp("us")).take(pc.index_in(text, value_set=distinct))


def _time(value: str | None, form: str) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.strptime(value, form)  # noqa: DTZ007  # without a zone, it is UTC
    except ValueError:
        return None
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
