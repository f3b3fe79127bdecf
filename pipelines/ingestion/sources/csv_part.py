"""Parses a block of lines of a CSV file: numbers at once, or every value as text."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.ingestion.sources.csv_blocks import Block
from pipelines.ingestion.sources.csv_layout import CsvLayout
from pipelines.ingestion.sources.source import FileRows, SetAside
from pipelines.rules.ingestion.csv_values import convert
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.rules.use_case.spellings import MISSING

# Of what means missing by default, what the fast path knows; the rest is read as text.
NULLS = ["", *MISSING, *(word.upper() for word in MISSING), "NaN", "None", "Null"]


@dataclass(frozen=True)
class CsvReading:
    """How the blocks of a file are read.

    `text_columns` are columns whose numbers the fast path could not parse in an earlier block.
    """

    layout: CsvLayout
    contract: Contract
    settings: CsvFormat
    text_columns: set[str] = field(default_factory=set)

    @cached_property
    def positions(self) -> list[str]:
        """Names for Arrow, which does not accept names that are repeated."""
        return [str(position) for position in range(len(self.layout.columns))]

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The columns that the fast path may parse: numbers without missing codes of their own."""
        if self.settings.decimal != "." or self.settings.thousands:
            return frozenset()
        return frozenset(
            feature.name
            for feature in self.contract.features
            if feature.type in ("float", "int") and feature.missing is None
        )


class CsvPart:
    """Some lines of a file."""

    def __init__(self, block: Block, reading: CsvReading) -> None:
        self.block = block
        self.reading = reading
        self._lines = -1  # when every line is a row, their number

    def typed(self) -> pa.Table | None:
        """Return the lines with numbers as float64; None when that is not possible."""
        reading = self.reading
        numbers = reading.numbers - reading.text_columns
        if not numbers or reading.settings.date_format:
            return None
        try:
            table, refused = self._parse(numbers)
        except pa.ArrowInvalid:
            reading.text_columns.update(self._not_numbers(numbers))
            return None
        if refused or any(_has_nan(table[name]) for name in numbers):
            return None
        return table

    def read(self) -> FileRows:
        """Return the lines as text."""
        table, refused = self._text
        values = convert(table, self.reading.contract, self.reading.settings)
        return FileRows(original=table, values=values, set_aside=tuple(self._set_aside(refused)))

    def take(self, rows: NDArray[np.int64]) -> tuple[pa.Table, list[int]]:
        """Return some rows and the lines on which they begin."""
        starts = self.line_starts
        if starts is None:
            numbers = self._line_numbers[0]
            return self._text[0].take(pa.array(rows)), [numbers[row] for row in rows.tolist()]
        content = self.block.content
        lines = [content[starts[row] : starts[row + 1]] for row in rows.tolist()]
        part = CsvPart(Block(b"".join(lines), 0), self.reading)
        return part.read().original, (rows + self.block.first_line).tolist()

    @cached_property
    def _text(self) -> tuple[pa.Table, list[pyarrow.csv.InvalidRow]]:
        try:
            return self._parse(frozenset())
        except pa.ArrowInvalid as error:
            if "UTF8" in str(error):
                raise DataError(self._not_utf8()) from error
            raise

    def _parse(self, numbers: frozenset[str]) -> tuple[pa.Table, list[pyarrow.csv.InvalidRow]]:
        layout = self.reading.layout
        refused: list[pyarrow.csv.InvalidRow] = []

        def set_aside(row: pyarrow.csv.InvalidRow) -> str:
            refused.append(row)
            return "skip"

        types = {
            str(position): pa.float64() if name in numbers else pa.string()
            for position, name in layout.names.items()
        }
        table = pyarrow.csv.read_csv(
            pa.BufferReader(self.block.content),
            read_options=pyarrow.csv.ReadOptions(
                column_names=self.reading.positions,
                block_size=len(self.block.content) + 1,
                use_threads=False,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=layout.delimiter,
                newlines_in_values=True,
                invalid_row_handler=set_aside,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=NULLS,
                strings_can_be_null=False,
            ),
        )
        self._lines = -1 if refused else len(table)
        return table.rename_columns(list(layout.names.values())), refused

    def _not_numbers(self, numbers: frozenset[str]) -> Iterator[str]:
        """Yield the columns in which this block has text that Arrow does not take as a number."""
        table, _ = self._text
        for name in numbers:
            text = table[name]
            is_null = pc.is_in(text, value_set=pa.array(NULLS))
            try:
                pc.cast(pc.if_else(is_null, None, text), pa.float64())
            except pa.ArrowInvalid:
                yield name

    def _set_aside(self, refused: list[pyarrow.csv.InvalidRow]) -> Iterator[SetAside]:
        numbers = self._line_numbers[1] if refused else []
        for number, row in zip(numbers, refused, strict=True):
            reason = f"the row has {row.actual_columns} columns, the header {row.expected_columns}"
            yield SetAside(number, row.text, reason)

    @cached_property
    def line_starts(self) -> list[int] | None:
        """Where each line begins, and the end; None if there are more lines than rows."""
        content = self.block.content
        newline = self.reading.layout.newline[0]
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == newline) + 1
        starts = [0, *ends.tolist()]
        if starts[-1] < len(content):
            starts.append(len(content))
        return starts if len(starts) == self._lines + 1 else None

    @cached_property
    def _line_numbers(self) -> tuple[list[int], list[int]]:
        """The lines on which the rows begin, and those of rows with too many or few columns."""
        text = self.block.content.decode(errors="replace")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.reading.layout.delimiter)
        rows: list[int] = []
        refused: list[int] = []
        line = self.block.first_line
        for row in reader:
            if row:
                is_whole = len(row) == len(self.reading.positions)
                (rows if is_whole else refused).append(line)
            line = self.block.first_line + reader.line_num
        return rows, refused

    def _not_utf8(self) -> str:
        line = self.block.first_line
        for text in self.block.content.splitlines():
            try:
                text.decode()
            except UnicodeDecodeError:
                break
            line += 1
        return (
            f"line {line:,} is not UTF-8: name the file's encoding, as in `csv.encoding: cp1252` "
            "or `--encoding cp1252`"
        )


def _has_nan(column: pa.ChunkedArray) -> bool:
    """Whether a number is written in a way that Arrow takes as NaN."""
    return bool(pc.any(pc.is_nan(column)).as_py())
