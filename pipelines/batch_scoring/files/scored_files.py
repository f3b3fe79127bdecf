"""Writes scored files: all columns of the rows, then what scoring adds."""

import csv
import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.batch_scoring.files.formats import PARQUET, compression
from pipelines.batch_scoring.files.rows_file import RowsFile, RowsPart
from pipelines.errors import DataError
from pipelines.rules.batch_scoring.output_columns import AddedColumns

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
GROUP_ROWS = 1 << 16  # rows of a row group of a Parquet file


@dataclass(frozen=True)
class AddedValues:
    """What scoring adds to some rows of a part; `positions` (n,) are their places in it."""

    positions: NDArray[np.int64]
    scores: NDArray[np.float64]
    flagged: NDArray[np.int8]
    version: int
    prediction_ids: NDArray[np.bytes_] | None

    def arrays(self) -> list[pa.Array]:
        """Return the columns in the order of `AddedColumns.names`."""
        versions = np.full(len(self.scores), self.version, np.int32)
        columns = [pa.array(self.scores), pa.array(self.flagged), pa.array(versions)]
        if self.prediction_ids is not None:
            columns.append(pa.array(self.prediction_ids).cast(pa.string()))
        return columns


class ScoredWriter(Protocol):
    """Writes one scored file."""

    def write(self, part: RowsPart, rows: int, added: AddedValues) -> None:
        """Write the scored ones of a part's rows; `rows` is how many the part has."""

    def close(self) -> None:
        """Write what is held back."""


@contextmanager
def writing(
    path: Path, rows: RowsFile, names: AddedColumns, form: str, *, mode: int = 0o666
) -> Iterator[ScoredWriter]:
    """Write a scored file; it has its name when the block ends, and is removed if that raises.

    Until then it is `.<name>.writing` in the same folder, which the next attempt writes over.
    Raises DataError when the folder can't be written to, or another process writes the file.
    """
    temporary = path.with_name(f".{path.name}.writing")
    descriptor = _opened(temporary, path, mode)
    try:
        # Arrow closes the file of a compressed stream, and the lock must last until the renaming.
        with open(descriptor, "wb", closefd=False) as file:  # a descriptor
            make = ScoredParquet if form == PARQUET else ScoredCsv
            writer = make(pa.PythonFile(file), path, rows, names)
            try:
                yield writer
            finally:
                writer.close()
        os.fsync(descriptor)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


def _opened(temporary: Path, path: Path, mode: int) -> int:
    """Create the file, locked by this process and empty."""
    try:
        descriptor = os.open(temporary, FLAGS, mode)
    except OSError as error:
        raise DataError(
            f"{path} can't be written: {error.strerror}: name another file with --out"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DataError(f"{path} is being written by another process: wait for it") from None
    os.truncate(descriptor, 0)
    return descriptor


class ScoredCsv:
    """A CSV file: rows of a CSV file keep their text, and other tables are written as CSV."""

    def __init__(
        self, sink: pa.NativeFile, path: Path, rows: RowsFile, names: AddedColumns
    ) -> None:
        kind = compression(path)
        self._sink = pa.CompressedOutputStream(sink, kind) if kind else sink
        self._names = names
        self._path = path
        self._delimiter = rows.delimiter or ","
        self._newline = rows.newline or "\n"
        self._sink.write(self._header([*rows.schema.names, *names.names]))

    def write(self, part: RowsPart, rows: int, added: AddedValues) -> None:
        """Write the scored ones of a part's rows."""
        lines = part.lines()
        if lines is None or len(lines) != rows:
            self._write_table(part, added)
            return
        taken = lines if len(added.positions) == rows else lines.take(pa.array(added.positions))
        *columns, last = [pc.cast(column, pa.string()) for column in added.arrays()]
        ended = pc.binary_join_element_wise(last, self._newline, "")
        text = pc.binary_join_element_wise(taken, *columns, ended, self._delimiter)
        self._sink.write(_content(text))

    def close(self) -> None:
        """Complete the compressed stream."""
        if isinstance(self._sink, pa.CompressedOutputStream):
            self._sink.close()

    def _write_table(self, part: RowsPart, added: AddedValues) -> None:
        table = _with_added(part, added, self._names)
        options = pyarrow.csv.WriteOptions(
            include_header=False, delimiter=self._delimiter, batch_size=len(table) or 1
        )
        try:
            pyarrow.csv.write_csv(table, self._sink, options)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise DataError(
                f"{self._path}: a column has no form in CSV: {error}: give --format parquet"
            ) from error

    def _header(self, names: list[str]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._delimiter, lineterminator=self._newline)
        writer.writerow(names)
        return text.getvalue().encode()


class ScoredParquet:
    """A Parquet file; the columns of a CSV file stay text."""

    def __init__(
        self, sink: pa.NativeFile, path: Path, rows: RowsFile, names: AddedColumns
    ) -> None:
        types = (pa.float64(), pa.int8(), pa.int32(), pa.string())
        added = [pa.field(name, kind) for name, kind in zip(names.names, types, strict=False)]
        self._schema = pa.schema([*rows.schema, *added])
        self._names = names
        self._writer = pq.ParquetWriter(
            sink, self._schema, compression="lz4", use_dictionary=_repetitive(self._schema)
        )
        self._held: list[pa.Table] = []

    def write(self, part: RowsPart, rows: int, added: AddedValues) -> None:
        """Write the scored ones of a part's rows, when there are enough for a row group."""
        self._held.append(_with_added(part, added, self._names))
        if sum(map(len, self._held)) >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            table = pa.concat_tables(self._held).cast(self._schema)
            self._held = []
            self._writer.write_table(table, row_group_size=len(table) or None)


def _repetitive(schema: pa.Schema) -> list[str]:
    """Return the columns whose values repeat often: numbers seldom do, and a dictionary is slow."""
    names = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return [name for name in names if not pa.types.is_nested(schema.field(name).type)]


def _with_added(part: RowsPart, added: AddedValues, names: AddedColumns) -> pa.Table:
    table = part.everything()
    if len(added.positions) < len(table):
        table = table.take(pa.array(added.positions))
    for name, values in zip(names.names, added.arrays(), strict=True):
        table = table.append_column(name, values)
    return table


def _content(text: pa.StringArray) -> pa.Buffer:
    """Return the bytes of all texts, one after the other."""
    _, offsets, data = text.buffers()
    ends = np.frombuffer(offsets, np.int32, len(text) + 1, text.offset * 4)
    if not len(text):
        return pa.py_buffer(b"")
    return data.slice(int(ends[0]), int(ends[-1] - ends[0]))
