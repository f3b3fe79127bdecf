"""Reads files of Arrow's family: Parquet, Feather and Arrow IPC."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.ingestion.sources.source import FileRows
from pipelines.rules.batch_scoring.row_checks import needed_columns
from pipelines.rules.ingestion.column_names import column_names
from pipelines.rules.use_case.contract import Contract

BATCH_ROWS = 1 << 13
# Without a buffer, the columns of a row group are read as a whole, however large it is.
BUFFER_BYTES = 1 << 18


@dataclass(frozen=True)
class TableRows:
    """Some rows; `first` is the number of the first, `names` has the contract's names by place."""

    batch: pa.RecordBatch
    names: dict[int, str]
    first: int

    def typed(self) -> pa.Table | None:
        """Return None: the values have their types."""
        return None

    def read(self) -> FileRows:
        """Return the columns of the contract."""
        table = self._of_contract(self.batch)
        return FileRows(original=table, values=table)

    def take(self, rows: NDArray[np.int64]) -> tuple[pa.Table, list[int]]:
        """Return some rows with the columns of the contract, and their numbers."""
        taken = self._of_contract(self.batch).take(pa.array(rows))
        return taken, (rows + self.first).tolist()

    def everything(self) -> pa.Table:
        """Return all columns."""
        return pa.Table.from_batches([self.batch])

    def lines(self) -> pa.StringArray | None:
        """Return None: there are no lines."""
        return None

    def _of_contract(self, batch: pa.RecordBatch) -> pa.Table:
        columns = [batch.column(place) for place in self.names]
        return pa.table(columns, names=list(self.names.values()))


class ParquetRows:
    """A Parquet file."""

    kind = "Parquet file"
    unit = "row"
    delimiter = ""
    newline = ""

    def __init__(self, file: Path, contract: Contract) -> None:
        self.name = str(file)
        self._file = file
        self._contract = contract
        with pq.ParquetFile(file) as source:
            self.schema = source.schema_arrow.remove_metadata()

    def parts(self) -> Iterator[TableRows]:
        """Yield batches of rows."""
        names = _places(self.schema, self._contract)
        with pq.ParquetFile(self._file, buffer_size=BUFFER_BYTES, pre_buffer=False) as source:
            batches = source.iter_batches(BATCH_ROWS, use_threads=False)
            yield from _parts(batches, names)


class ArrowRows:
    """A file of Arrow's IPC format, with or without a footer, such as Feather version 2."""

    kind = "Arrow file"
    unit = "row"
    delimiter = ""
    newline = ""

    def __init__(self, file: Path, contract: Contract) -> None:
        self.name = str(file)
        self._file = file
        self._contract = contract
        with pa.OSFile(str(file)) as stream:
            schema, _ = _batches(stream)
        self.schema = schema.remove_metadata()

    def parts(self) -> Iterator[TableRows]:
        """Yield batches of rows."""
        names = _places(self.schema, self._contract)
        with pa.OSFile(str(self._file)) as stream:
            _, batches = _batches(stream)
            yield from _parts(_sliced(batches), names)


def _places(schema: pa.Schema, contract: Contract) -> dict[int, str]:
    """Return the contract's names of columns by their places in the file."""
    names = column_names(schema.names, contract, needed_columns(contract))
    return {schema.names.index(name): target for name, target in names.items()}


def _parts(batches: Iterator[pa.RecordBatch], names: dict[int, str]) -> Iterator[TableRows]:
    first = 1
    for batch in batches:
        yield TableRows(batch.replace_schema_metadata(None), names, first)
        first += len(batch)


def _batches(stream: pa.NativeFile) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    magic = stream.read(6)
    stream.seek(0)
    if magic != b"ARROW1":
        reader = pa.ipc.open_stream(stream)
        return reader.schema, iter(reader)
    file = pa.ipc.open_file(stream)
    return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))


def _sliced(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches of at most `BATCH_ROWS` rows."""
    for batch in batches:
        for start in range(0, len(batch), BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)
