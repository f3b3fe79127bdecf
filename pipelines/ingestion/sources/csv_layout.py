"""Finds out how a CSV file is written: encoding, delimiter and names of columns."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.errors import DataError
from pipelines.rules.ingestion.column_names import column_names, known_columns
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat

USUAL = (",", ";", "\t", "|")
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class CsvLayout:
    """How a file is written; `names` are the contract's names of columns by their position."""

    encoding: str
    newline: bytes
    delimiter: str
    columns: tuple[str, ...]
    names: dict[int, str]
    header_lines: int


@dataclass(frozen=True)
class CsvHeader:
    """The names of a file's columns, and how the file is written."""

    encoding: str
    newline: bytes
    delimiter: str
    columns: tuple[str, ...]
    lines: int


def csv_layout(
    head: bytes, contract: Contract, settings: CsvFormat, needed: Sequence[str] | None = None
) -> CsvLayout:
    """Return the layout of a file that begins with `head`.

    Raises DataError when the file is empty or does not have the `needed` columns of the contract,
    by default those of labelled history.
    """
    header = csv_header(head, contract, settings)
    by_name = column_names(header.columns, contract, needed)
    names = {header.columns.index(name): target for name, target in by_name.items()}
    return CsvLayout(
        encoding=header.encoding,
        newline=header.newline,
        delimiter=header.delimiter,
        columns=header.columns,
        names=names,
        header_lines=header.lines,
    )


def csv_header(head: bytes, contract: Contract, settings: CsvFormat) -> CsvHeader:
    """Return the header of a file that begins with `head`; DataError when the file is empty.

    The contract's columns help to find the delimiter.
    """
    encoding = settings.encoding or MARKS.get(head[:2], "utf-8-sig")
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise DataError("is empty: its first line must name the columns")
    newline = "\n" if "\n" in text else "\r"
    delimiter = _delimiter(text, contract, settings)
    first_row, lines = _first_row(text, delimiter)
    columns = settings.header or first_row
    _check_header(settings, first_row)
    return CsvHeader(
        encoding=encoding,
        newline=newline.encode(),
        delimiter=delimiter,
        columns=columns,
        lines=0 if settings.header else lines,
    )


def _check_header(settings: CsvFormat, first_row: tuple[str, ...]) -> None:
    """Refuse names of columns that do not fit the file's first line."""
    if not settings.header:
        return
    if settings.header == first_row:
        raise DataError("has a header line: remove `csv.header`")
    if len(settings.header) != len(first_row):
        raise DataError(
            f"its first line has {len(first_row)} columns, and `csv.header` has "
            f"{len(settings.header)}: correct `csv.header` or `csv.delimiter`"
        )


def _delimiter(text: str, contract: Contract, settings: CsvFormat) -> str:
    """Return the delimiter that the settings name, else the one that gives the most columns."""
    if settings.delimiter:
        return "\t" if settings.delimiter in ("\\t", "tab") else settings.delimiter
    candidates = list(dict.fromkeys([*USUAL, *_marks(text)]))
    if settings.header:
        size = len(settings.header)
        fitting = [mark for mark in candidates if len(_first_row(text, mark)[0]) == size]
        return fitting[0] if fitting else USUAL[0]
    known = known_columns(contract)

    def fit(mark: str) -> tuple[int, int]:
        row, _ = _first_row(text, mark)
        return len(known.intersection(name.strip() for name in row)), len(row)

    usual = max(USUAL, key=fit)
    return usual if fit(usual)[0] else max(candidates, key=fit)


def _marks(text: str) -> Iterator[str]:
    """Yield the characters of the first line that may be delimiters."""
    for character in text.strip().splitlines()[0]:
        if character.isascii() and not character.isalnum() and character not in "\"'_.+-":
            yield character


def _first_row(text: str, delimiter: str) -> tuple[tuple[str, ...], int]:
    """Return the first row that is not blank, and the number of lines up to its end."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    row = next((row for row in reader if row), [])
    return tuple(row), reader.line_num
