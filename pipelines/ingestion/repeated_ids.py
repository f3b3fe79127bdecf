"""Finds transaction ids that a source has more than once, with memory that does not grow.

Ids are spread over files by hash. Equal ids are in the same file, and each file is small enough to
be compared in memory.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.ingestion.id_hashes import Hashes, SeenFilter, hash_ids

FILE_BITS = 7
FILES = 1 << FILE_BITS
SCHEMA = pa.schema([("id", pa.string()), ("row", pa.int64())])


class RepeatedIds:
    """Ids of rows that were accepted so far, in files below a folder until `close`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._temporary = tempfile.TemporaryDirectory(dir=folder, suffix=".writing")
        self.folder = Path(self._temporary.name)
        self._seen = SeenFilter()
        self._rows = 0
        self._open = ExitStack()
        self._writers: dict[int, pa.RecordBatchStreamWriter] = {}  # a small source needs few

    def add(self, ids: pa.StringArray) -> NDArray[np.bool_]:
        """Add the ids (n,) of the next rows; return which of them may be repeated.

        An id that was added before is always marked; a few others are marked, too.
        """
        hashes = hash_ids(ids)
        self._spill(ids, hashes)
        self._rows += len(ids)
        return self._seen.add(hashes)

    def repeated(self) -> NDArray[np.int64]:
        """Return the rows, in order, whose id an earlier row has. Call it once, at the end."""
        self._open.close()
        parts = [_repeated(self.folder / str(number)) for number in self._writers]
        return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))

    def _spill(self, ids: pa.StringArray, hashes: Hashes) -> None:
        numbers = (hashes >> np.uint64(64 - FILE_BITS)).astype(np.uint8)
        order = np.argsort(numbers, kind="stable")
        columns = [ids.take(pa.array(order)), pa.array(order + self._rows)]
        batch = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
        ends = np.cumsum(np.bincount(numbers, minlength=FILES)).tolist()
        start = 0
        for number, end in enumerate(ends):
            if end > start:
                self._writer(number).write_batch(batch.slice(start, end - start))
            start = end

    def _writer(self, number: int) -> pa.RecordBatchStreamWriter:
        writer = self._writers.get(number)
        if writer is None:
            stream = self._open.enter_context(pa.OSFile(str(self.folder / str(number)), "wb"))
            writer = self._open.enter_context(pa.ipc.new_stream(stream, SCHEMA))
            self._writers[number] = writer
        return writer

    def close(self) -> None:
        """Remove the files."""
        self._open.close()
        self._temporary.cleanup()


def _repeated(path: Path) -> NDArray[np.int64]:
    """Return the rows of a file whose id an earlier row of the file has."""
    with pa.OSFile(str(path)) as stream:
        table = pa.ipc.open_stream(stream).read_all()
    ids = table["id"].combine_chunks()
    if not len(ids):
        return np.empty(0, np.int64)
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.chunk(0)
    codes = pc.dictionary_encode(ids).indices.to_numpy()
    # Codes count up in the order in which the ids first appear.
    highest = np.maximum.accumulate(codes)
    again = np.append(False, codes[1:] <= highest[:-1])
    return np.asarray(table["row"].to_numpy()[again], np.int64)
