"""Reads delimited text: CSV, TSV and the like, also compressed."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipelines.errors import DataError
from pipelines.ingestion.sources.csv_blocks import Block, blocks
from pipelines.ingestion.sources.csv_layout import csv_layout
from pipelines.ingestion.sources.csv_part import CsvPart, CsvReading
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat

HEAD_BYTES = 1 << 16


class CsvSource:
    """A CSV file; each part is a block of its lines."""

    unit = "line"

    def __init__(self, file: Path, contract: Contract, settings: CsvFormat) -> None:
        self.name = str(file)
        self.kind = _kind(file)
        self._file = file
        self._contract = contract
        self._settings = settings

    def parts(self) -> Iterator["CsvPart"]:
        """Yield the blocks of lines. Raises DataError when the header is not usable."""
        with self._open() as stream:
            head = stream.read(HEAD_BYTES)
        try:
            layout = csv_layout(head, self._contract, self._settings)
        except DataError as fault:
            verb = "" if str(fault).startswith(("is ", "has ")) else ":"
            raise DataError(f"{self._file}{verb} {fault}") from None
        reading = CsvReading(layout, self._contract, self._settings)
        lines = layout.header_lines
        with self._open() as stream:
            for block in blocks(stream, layout.encoding, layout.newline):
                part = _without_lines(block, lines, layout.newline)
                lines = 0
                if part.content.strip():
                    yield CsvPart(part, reading)

    def _open(self) -> pa.NativeFile:
        return pa.input_stream(str(self._file), compression="detect")


def _kind(file: Path) -> str:
    compression = {".gz": "gzip", ".zst": "zstd"}.get(file.suffix.lower())
    suffix = Path(file.stem).suffix if compression else file.suffix
    name = f"{suffix.removeprefix('.').upper()} file"
    return f"{compression}-compressed {name}" if compression else name


def _without_lines(block: Block, lines: int, newline: bytes) -> Block:
    """Return a block without its first lines."""
    start = 0
    for _ in range(lines):
        start = block.content.find(newline, start) + 1
        if not start:
            return Block(b"", block.first_line + lines)
    return Block(block.content[start:], block.first_line + lines)
