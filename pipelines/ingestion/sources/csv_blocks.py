"""Cuts a stream of CSV into blocks of whole rows."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.errors import DataError

BLOCK_BYTES = 8 << 20
LONGEST_ROW = 64 << 20
QUOTE = ord('"')


@dataclass(frozen=True)
class Block:
    """Some rows as UTF-8; `first_line` is the line number of the first."""

    content: bytes
    first_line: int


def blocks(
    stream: pa.NativeFile, encoding: str, newline: bytes, size: int | None = None
) -> Iterator[Block]:
    """Yield a stream's blocks of about `size` bytes, by default BLOCK_BYTES.

    `newline` is what ends its lines. Raises DataError when a row is too long, which happens when a
    quote is not closed.
    """
    line = 1
    rest = b""
    for piece in _utf8(stream, encoding, size or BLOCK_BYTES):
        content = rest + piece
        end = _end_of_rows(content, newline)
        rest = content[end:]
        if end:
            yield Block(content[:end], line)
            line += content.count(newline, 0, end)
        elif len(content) > LONGEST_ROW:
            raise DataError(
                f"the row that starts on line {line:,} is longer than {LONGEST_ROW >> 20} MB: "
                "close its quote, or remove it"
            )
    if rest:
        yield Block(rest, line)


def _utf8(stream: pa.NativeFile, encoding: str, size: int) -> Iterator[bytes]:
    """Yield pieces of a stream in UTF-8, without a byte-order mark."""
    is_utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")
    decoder = codecs.getincrementaldecoder(encoding)()
    first = True
    while piece := _filled(stream, size):
        if not is_utf8:
            piece = decoder.decode(piece).encode()
        yield piece.removeprefix(codecs.BOM_UTF8) if first else piece
        first = False
    if not is_utf8:
        yield decoder.decode(b"", final=True).encode()


def _filled(stream: pa.NativeFile, size: int) -> bytes:
    """Read a block; a compressed stream gives it in parts."""
    pieces = []
    missing = size
    while missing and (piece := stream.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _end_of_rows(content: bytes, newline: bytes) -> int:
    """Return where the last whole row ends; a newline in quotes does not end a row."""
    last = content.rfind(newline) + 1
    if content.count(b'"', 0, last) % 2 == 0:
        return last
    characters = np.frombuffer(content, np.uint8)
    newlines = np.flatnonzero(characters == newline[0])
    quotes = np.flatnonzero(characters == QUOTE)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0
