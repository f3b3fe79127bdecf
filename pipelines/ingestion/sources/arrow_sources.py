"""Reads files of Arrow's family: Parquet, Feather and Arrow IPC."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingestion.sources.source import TablePart
from pipelines.rules.ingestion.column_names import column_names
from pipelines.rules.use_case.contract import Contract

BATCH_ROWS = 100_000


class ParquetSource:
    """A Parquet file; of its columns, those of the contract are read."""

    kind = "Parquet file"
    unit = "row"

    def __init__(self, file: Path, contract: Contract) -> None:
        self.name = str(file)
        self._file = file
        self._contract = contract

    def columns(self) -> list[str]:
        """Return the names of all columns."""
        return list(pq.read_schema(self._file).names)

    def parts(self) -> Iterator[TablePart]:
        """Yield batches of rows."""
        with pq.ParquetFile(self._file) as source:
            names = column_names(source.schema_arrow.names, self._contract)
            yield from table_parts(source.iter_batches(BATCH_ROWS, columns=list(names)), names)


class FeatherSource:
    """A file of Arrow's IPC format, with or without a footer, such as Feather version 2."""

    kind = "Arrow file"
    unit = "row"

    def __init__(self, file: Path, contract: Contract) -> None:
        self.name = str(file)
        self._file = file
        self._contract = contract

    def columns(self) -> list[str]:
        """Return the names of all columns."""
        with pa.OSFile(str(self._file)) as stream:
            names, _ = _batches(stream)
        return names

    def parts(self) -> Iterator[TablePart]:
        """Yield batches of rows."""
        with pa.OSFile(str(self._file)) as stream:
            yield from batch_parts(*_batches(stream), self._contract)


def _batches(stream: pa.NativeFile) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    magic = stream.read(6)
    stream.seek(0)
    if magic != b"ARROW1":
        reader = pa.ipc.open_stream(stream)
        return reader.schema.names, iter(reader)
    file = pa.ipc.open_file(stream)
    return file.schema.names, (file.get_batch(i) for i in range(file.num_record_batches))


def batch_parts(
    columns: list[str], batches: Iterator[pa.RecordBatch], contract: Contract
) -> Iterator[TablePart]:
    """Yield the parts of batches that have columns which the contract may not know."""
    names = column_names(columns, contract)
    chosen = [columns.index(name) for name in names]

    def select(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.select(chosen)

    yield from table_parts(_sliced(batches, select), names)


def table_parts(batches: Iterator[pa.RecordBatch], names: dict[str, str]) -> Iterator[TablePart]:
    """Yield the parts of batches, with the contract's names of columns."""
    first = 1
    for batch in batches:
        table = pa.Table.from_batches([batch])
        yield TablePart(table.rename_columns(list(names.values())), first)
        first += len(table)


def _sliced(
    batches: Iterator[pa.RecordBatch], select: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Yield batches of at most `BATCH_ROWS` rows."""
    for batch in batches:
        for start in range(0, len(batch), BATCH_ROWS):
            yield select(batch.slice(start, BATCH_ROWS))
