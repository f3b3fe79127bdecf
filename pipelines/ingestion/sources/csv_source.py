"""Reads delimited text: CSV, TSV and the like, also compressed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from pipelines.errors import DataError
from pipelines.ingestion.sources.csv_blocks import Block, blocks
from pipelines.ingestion.sources.csv_layout import CsvHeader, csv_header, csv_layout
from pipelines.ingestion.sources.csv_part import CsvPart, CsvReading
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat

T = TypeVar("T")
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

    def columns(self) -> list[str]:
        """Return the names in the header. Raises DataError when it is not usable."""
        return list(self.header().columns)

    def header(self) -> CsvHeader:
        """Return how the file is written. Raises DataError when its header is not usable."""
        return self._examined(csv_header)

    def parts(self) -> Iterator["CsvPart"]:
        """Yield the blocks of lines. Raises DataError when the header is not usable."""
        layout = self._examined(csv_layout)
        reading = CsvReading(layout, self._contract, self._settings)
        lines = layout.header_lines
        with self._open() as stream:
            for block in blocks(stream, layout.encoding, layout.newline):
                part = without_lines(block, lines, layout.newline)
                lines = 0
                if part.content.strip():
                    yield CsvPart(part, reading)

    def _examined(self, examine: Callable[[bytes, Contract, CsvFormat], T]) -> T:
        with self._open() as stream:
            head = stream.read(HEAD_BYTES)
        try:
            return examine(head, self._contract, self._settings)
        except DataError as fault:
            verb = "" if str(fault).startswith(("is ", "has ")) else ":"
            raise DataError(f"{self._file}{verb} {fault}") from None

    def _open(self) -> pa.NativeFile:
        return pa.input_stream(str(self._file), compression="detect")


def _kind(file: Path) -> str:
    compression = {".gz": "gzip", ".zst": "zstd"}.get(file.suffix.lower())
    suffix = Path(file.stem).suffix if compression else file.suffix
    name = f"{suffix.removeprefix('.').upper()} file"
    return f"{compression}-compressed {name}" if compression else name


def without_lines(block: Block, lines: int, newline: bytes) -> Block:
    """Return a block without its first lines."""
    start = 0
    for _ in range(lines):
        start = block.content.find(newline, start) + 1
        if not start:
            return Block(b"", block.first_line + lines)
    return Block(block.content[start:], block.first_line + lines)
