"""The quarantine: a Parquet file of refused rows with their reasons."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingestion.sources.source import SetAside
from pipelines.stores.artifacts import Artifacts


class Quarantine:
    """A Parquet file of refused rows in their original form, with a `reason` column.

    The file is created with the first such row. A row that has another number of columns than the
    header is in the `line` column. When the block ends, the file is named by its content; it is
    removed if the block raises, unless `keep` was called.
    """

    def __init__(self, artifacts: Artifacts, prefix: str = "ingest") -> None:
        self._prefix = prefix
        self._folder = artifacts.root / "quarantine"
        self._writer: pq.ParquetWriter | None = None
        self.path: Path | None = None

    def add(
        self, refused: pa.Table, reasons: Sequence[str], lines: Sequence[SetAside] = ()
    ) -> None:
        """Keep refused rows (n,) with their reasons (n,), and lines that are no rows."""
        if not len(refused) and not lines:
            return
        no_line = pa.nulls(len(refused), pa.string())
        refused = refused.append_column("reason", pa.array(reasons, pa.string()))
        self._write(refused.append_column("line", no_line))
        if lines:
            texts = [line.text for line in lines]
            self._write(pa.table({"reason": [line.reason for line in lines], "line": texts}))

    def keep(self) -> None:
        """Complete the file, so that it stays whatever happens next."""
        if self._writer is None or self.path is None:
            return
        self._writer.close()
        self._writer = None
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.path = self.path.replace(self._folder / f"{self._prefix}-{digest[:16]}.parquet")

    def _write(self, refused: pa.Table) -> None:
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._folder, suffix=".writing")
            os.close(descriptor)
            self.path = Path(name)
            self._writer = pq.ParquetWriter(self.path, refused.schema)
        schema = self._writer.schema
        columns = [_column(refused, column.name, column.type) for column in schema]
        self._writer.write_table(pa.table(columns, schema=schema))

    def __enter__(self) -> "Quarantine":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.keep()
        elif self._writer is not None and self.path is not None:
            self._writer.close()
            self.path.unlink()


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    """Return a column of the table as this type; nulls when the table does not have it."""
    if name in table.column_names:
        return table[name].cast(kind)
    return pa.nulls(len(table), kind)
