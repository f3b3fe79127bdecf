"""Reads delimited text whose rows are to be scored: CSV, TSV and the like, also compressed."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.ingestion.sources.csv_blocks import Block, blocks
from pipelines.ingestion.sources.csv_layout import CsvLayout, csv_layout
from pipelines.ingestion.sources.csv_part import CsvPart, CsvReading
from pipelines.ingestion.sources.csv_source import HEAD_BYTES, CsvSource, without_lines
from pipelines.ingestion.sources.source import FileRows
from pipelines.rules.batch_scoring.row_checks import needed_columns
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.rules.use_case.spellings import BLANK

BLOCK_BYTES = 2 << 20  # a few thousand rows: what is in memory at once is a few blocks
LINE_ENDS = "\r\n"
NOT_IN_FORMAT = "not a time here: "


class CsvRows:
    """A CSV file; each part is a block of its lines."""

    unit = "line"

    def __init__(self, file: Path, contract: Contract, settings: CsvFormat) -> None:
        self.name = str(file)
        self.kind = CsvSource(file, contract, settings).kind
        self._file = file
        self._contract = contract
        self._settings = settings
        with self._open() as stream:
            head = stream.read(HEAD_BYTES)
        self._layout = self._layout_of(head)
        self.delimiter = self._layout.delimiter
        self.newline = "\r\n" if b"\r\n" in head else self._layout.newline.decode()
        columns = [name.strip(BLANK) for name in self._layout.columns]
        self.schema = pa.schema([(name, pa.string()) for name in columns])

    def parts(self) -> Iterator["CsvRowsPart"]:
        """Yield the blocks of lines."""
        layout = self._layout
        reading = CsvReading(layout, self._contract, self._settings)
        lines = layout.header_lines
        with self._open() as stream:
            for block in blocks(stream, layout.encoding, layout.newline, BLOCK_BYTES):
                part = without_lines(block, lines, layout.newline)
                lines = 0
                if part.content.strip():
                    yield CsvRowsPart(part, reading, self.schema)

    def _open(self) -> pa.NativeFile:
        return pa.input_stream(str(self._file), compression="detect")

    def _layout_of(self, head: bytes) -> CsvLayout:
        needed = needed_columns(self._contract)
        try:
            return csv_layout(head, self._contract, self._settings, needed)
        except DataError as fault:
            verb = "" if str(fault).startswith(("is ", "has ")) else ":"
            raise DataError(f"{self._file}{verb} {fault}") from None


class CsvRowsPart:
    """Some lines of a file."""

    def __init__(self, block: Block, reading: CsvReading, schema: pa.Schema) -> None:
        self._part = CsvPart(block, reading)
        self._reading = reading
        self._schema = schema

    def typed(self) -> pa.Table | None:
        """Return the lines with numbers as float64; None when that is not possible."""
        return self._part.typed()

    def read(self) -> FileRows:
        """Return the lines as text; a time that is not in the format of the settings stays text."""
        rows = self._part.read()
        name = self._reading.contract.event_time
        if not self._reading.settings.date_format or name not in rows.values.column_names:
            return rows
        times = _times(rows.values[name], rows.original[name])
        place = rows.values.column_names.index(name)
        return replace(rows, values=rows.values.set_column(place, name, times))

    def take(self, rows: NDArray[np.int64]) -> tuple[pa.Table, list[int]]:
        """Return some rows with the columns of the contract, and the lines on which they begin."""
        return self._part.take(rows)

    def everything(self) -> pa.Table:
        """Return all columns as text."""
        layout = self._reading.layout
        known = set(layout.names.values())
        names = {
            place: layout.names.get(place) or _free(f"\0{place}", known)
            for place in range(len(layout.columns))
        }
        reading = replace(self._reading, layout=replace(layout, names=names))
        table = CsvPart(self._part.block, reading).read().original
        return table.rename_columns(self._schema.names)

    def lines(self) -> pa.StringArray | None:
        """Return the text of each row, without its line end."""
        content = self._part.block.content
        starts = self._part.line_starts
        if starts is None:
            return pa.array(self._rows_of_several_lines(), pa.string())
        offsets = pa.py_buffer(np.array(starts, np.int32))
        buffers = [None, offsets, pa.py_buffer(content)]
        whole = pa.StringArray.from_buffers(len(starts) - 1, *buffers[1:])
        return pc.ascii_rtrim(whole, characters=LINE_ENDS)

    def _rows_of_several_lines(self) -> list[str]:
        """Return the text of each row where a value has a line end, or a line is not a row."""
        layout = self._reading.layout
        newline = layout.newline.decode()
        pending: list[str] = []
        text = self._part.block.content.decode()

        def lines() -> Iterator[str]:
            for line in text.split(newline):
                pending.append(line)
                yield line + "\n"

        rows = []
        for row in csv.reader(lines(), delimiter=layout.delimiter):
            if len(row) == len(layout.columns) and "".join(pending).strip(LINE_ENDS):
                rows.append(newline.join(pending).rstrip(LINE_ENDS))
            pending.clear()
        return rows


def _times(times: pa.ChunkedArray, text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as text: what was not read stays unreadable, and what is blank stays blank."""
    read = pc.cast(times, pa.string())
    blank = pc.equal(pc.utf8_trim(text, BLANK), "")
    unreadable = pc.binary_join_element_wise(NOT_IN_FORMAT, text, "")
    return pc.coalesce(read, pc.if_else(blank, "", unreadable))


def _free(name: str, taken: set[str]) -> str:
    return _free(f"\0{name}", taken) if name in taken else name
