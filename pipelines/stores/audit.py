"""The audit trail: `audit/<day>/` below SIXGATE_HOME, Parquet files with a manifest.

A file is complete before the manifest names it, and the manifest is replaced in one step. A run
that is killed leaves at most a file that no manifest names; the next run writes it again.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import EvidenceError
from pipelines.rules.data.audit_manifest import AuditManifest, decode, encode

MANIFEST = "manifest.json"
WRITING = ".writing"


@dataclass(frozen=True)
class WrittenFile:
    """What was written: rows, bytes, digest, the schema and the distinct contract hashes."""

    rows: int
    bytes: int
    sha256: str
    schema: pa.Schema
    contracts: list[str]
    ids: list[int]


class AuditFolder:
    """The folder of the audit trail."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock; raises EvidenceError when another process holds it."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise EvidenceError(
                    f"another process writes {self.root}: wait until it has ended"
                ) from error
            yield

    def days(self) -> list[date]:
        """List the days that have a manifest, oldest first."""
        return sorted(_day(file.parent.name) for file in self.root.glob(f"*-*-*/{MANIFEST}"))

    def manifest(self, day: date) -> AuditManifest:
        """Return the manifest of a day, an empty one for a new day.

        Raises EvidenceError when it can't be read.
        """
        path = self._folder(day) / MANIFEST
        try:
            return decode(path.read_bytes())
        except FileNotFoundError:
            return AuditManifest(day=day)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EvidenceError(
                f"{path} is not a manifest ({error}): restore it from a backup, or move the folder "
                "away to have the day exported again"
            ) from error

    def write(
        self, day: date, name: str, batches: Iterator[pa.RecordBatch], *, keep_ids: bool
    ) -> WrittenFile | None:
        """Write batches to a new file in bounded memory; None, and no file, without a row."""
        folder = self._folder(day)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = folder / (name + WRITING)
        rows = _Rows(keep_ids=keep_ids)
        try:
            schema = rows.write(batches, temporary)
            if schema is None:
                return None
            written = WrittenFile(
                rows=rows.n,
                bytes=temporary.stat().st_size,
                sha256=_digest(temporary),
                schema=schema,
                contracts=sorted(rows.contracts),
                ids=rows.ids,
            )
            _sync(temporary)
            temporary.replace(folder / name)
            return written
        finally:
            temporary.unlink(missing_ok=True)

    def save(self, manifest: AuditManifest) -> None:
        """Replace the manifest of a day, after everything that it names is on disk."""
        folder = self._folder(manifest.day)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = folder / (MANIFEST + WRITING)
        temporary.write_bytes(encode(manifest))
        _sync(temporary)
        temporary.replace(folder / MANIFEST)
        _sync(folder)

    def digests(self, manifest: AuditManifest) -> dict[str, str]:
        """Return the SHA-256 of each file of a manifest that exists."""
        paths = [self._folder(manifest.day) / file.file for file in manifest.files]
        return {path.name: _digest(path) for path in paths if path.is_file()}

    def _folder(self, day: date) -> Path:
        return self.root / day.isoformat()


class _Rows:
    """Counts what is written, and collects contract hashes and ids."""

    def __init__(self, *, keep_ids: bool) -> None:
        self.n = 0
        self.contracts: set[str] = set()
        self.ids: list[int] = []
        self._keep_ids = keep_ids

    def write(self, batches: Iterator[pa.RecordBatch], path: Path) -> pa.Schema | None:
        """Write the batches; return their schema, or None without a row."""
        writer: pq.ParquetWriter | None = None
        try:
            for batch in batches:
                if not len(batch):
                    continue
                if writer is None:
                    writer = pq.ParquetWriter(path, batch.schema, compression="zstd")
                writer.write_batch(batch)
                self._note(batch)
        finally:
            if writer is not None:
                writer.close()
        return None if writer is None else writer.schema

    def _note(self, batch: pa.RecordBatch) -> None:
        self.n += len(batch)
        for name in ("contract_hash", "model_contract_hash"):
            if name in batch.schema.names:
                hashes = batch.column(name).unique().drop_null()
                self.contracts.update(hashes.to_pylist())
        if self._keep_ids:
            self.ids += batch.column("id").to_pylist()


def _day(name: str) -> date:
    return date.fromisoformat(name)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
