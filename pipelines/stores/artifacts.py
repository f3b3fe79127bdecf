"""The artifact store: snapshots, datasets and quarantined rows named by content, and reports."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import EvidenceError
from pipelines.rules.use_case.file_retention import KINDS, StoredFile
from pipelines.settings import Settings

IMPORTS = 20  # of one table that are remembered


@dataclass(frozen=True)
class Artifacts:
    """The artifact store of one use case: a folder for each kind of table, and one for reports."""

    root: Path

    @classmethod
    def of(cls, settings: Settings, use_case: str) -> "Artifacts":
        """Return the store of a use case under the artifact root of `settings`."""
        return cls(settings.artifact_root / use_case)

    @contextmanager
    def writing(self, kind: str, schema: pa.Schema) -> Iterator["Writing"]:
        """Write a Parquet file in parts; when the block ends, name the file by its content.

        The file is removed if the block raises.
        """
        folder = self._folder(kind)
        descriptor, name = tempfile.mkstemp(dir=folder, suffix=".writing")
        os.close(descriptor)
        file = Writing(Path(name), _writer(Path(name), schema))
        try:
            yield file
            file.writer.close()
            file.id = _digest(file.path)
            file.path.replace(folder / f"{file.id}.parquet")
        finally:
            file.writer.close()
            file.path.unlink(missing_ok=True)

    def save(self, kind: str, table: pa.Table) -> str:
        """Store a table; return its id, which is derived from its content."""
        with self.writing(kind, table.schema) as file:
            file.writer.write_table(table)
        return file.id

    def load(self, kind: str, id_: str) -> pa.Table:
        """Read a table by its id; raises EvidenceError when it is missing or has changed."""
        self.require(kind, id_)
        path = self.path(kind, id_)
        if _digest(path) != id_:
            raise EvidenceError(
                f"{path} is not what was written: restore it, or ingest the file again"
            )
        return pq.read_table(path)

    def sample(self, kind: str, id_: str, rows: int, seed: int) -> pa.Table:
        """Read at most `rows` random rows of a table in their order; a few batches are in memory.

        Raises EvidenceError when the table is missing.
        """
        self.require(kind, id_)
        with pq.ParquetFile(self.path(kind, id_)) as file:
            n = file.metadata.num_rows
            random = np.random.default_rng(seed)
            chosen = np.sort(random.choice(n, min(rows, n), replace=False))
            parts = []
            begin = 0
            for batch in file.iter_batches():
                first, last = np.searchsorted(chosen, [begin, begin + len(batch)])
                parts.append(batch.take(pa.array(chosen[first:last] - begin)))
                begin += len(batch)
            return pa.Table.from_batches(parts, file.schema_arrow)

    def require(self, kind: str, id_: str) -> None:
        """Raise EvidenceError, with the existing ids, unless the table exists."""
        path = self.path(kind, id_)
        if path.exists():
            return
        noun = kind.rstrip("s")
        existing = ", ".join(self.ids(kind)) or "none"
        raise EvidenceError(f"no {noun} {id_!r} in {path.parent}: known are {existing}")

    def notes(self, kind: str, id_: str) -> dict[str, str]:
        """Return the key-value metadata of a table's file."""
        metadata = pq.read_metadata(self.path(kind, id_)).metadata or {}
        return {key.decode(): value.decode(errors="replace") for key, value in metadata.items()}

    def note_import(self, kind: str, id_: str, entry: dict[str, Any]) -> None:
        """Add where a table came from to the notes beside it; the newest `IMPORTS` are kept.

        The notes are no part of the table's file: the same content always has the same id.
        """
        entries = [*self.imports(kind, id_), entry][-IMPORTS:]
        path = self.path(kind, id_).with_suffix(".json")
        temporary = path.with_suffix(".json.writing")
        temporary.write_text(json.dumps({"imports": entries}, indent=2, default=str))
        temporary.replace(path)

    def imports(self, kind: str, id_: str) -> list[dict[str, Any]]:
        """Return where a table came from, oldest first; empty when it is not recorded."""
        path = self.path(kind, id_).with_suffix(".json")
        try:
            return list(json.loads(path.read_text())["imports"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []

    def files(self) -> list[StoredFile]:
        """List all tables and reports, and what a killed process left unfinished."""
        return [
            StoredFile(
                kind=kind,
                name=path.stem if path.suffix == ".parquet" else path.name,
                modified=datetime.fromtimestamp(path.stat().st_mtime, UTC),
            )
            for kind in KINDS
            for path in sorted((self.root / kind).glob("*"))
            if path.is_file() and not (kind != "reports" and path.suffix == ".json")
        ]

    def remove(self, file: StoredFile) -> int:
        """Delete a file that `files` listed, with its notes, unless it was written again since.

        Returns how many bytes were freed.
        """
        folder = self.root / file.kind
        table = folder / f"{file.name}.parquet"
        path = table if table.is_file() else folder / file.name
        try:
            status = path.stat()
        except FileNotFoundError:
            return 0
        if status.st_mtime > file.modified.timestamp() + 1e-3:
            return 0
        path.unlink()
        if path == table:
            table.with_suffix(".json").unlink(missing_ok=True)
        return status.st_size

    def path(self, kind: str, id_: str) -> Path:
        """Return the path of a table's file."""
        return self.root / kind / f"{Path(id_).name}.parquet"

    def ids(self, kind: str) -> list[str]:
        """List the ids of the tables of a kind, oldest first."""
        files = (self.root / kind).glob("*.parquet")
        oldest_first = sorted(files, key=lambda file: file.stat().st_mtime)
        return [file.stem for file in oldest_first]

    def report(self, name: str, content: dict[str, Any] | str | bytes) -> Path:
        """Store a report, a dict as JSON; return its path."""
        path = self._folder("reports") / name
        if isinstance(content, dict):
            content = json.dumps(content, indent=2, default=str)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def reports(self, pattern: str) -> list[str]:
        """List the names of the reports that match a glob pattern, in order."""
        return sorted(file.name for file in (self.root / "reports").glob(pattern))

    def read_report(self, name: str) -> bytes:
        """Read a report; raises EvidenceError when there is none of that name."""
        path = self._report_path(name)
        if not path.is_file():
            raise EvidenceError(
                f"there is no report {name!r}: it may be older than the policy keeps them"
            )
        return path.read_bytes()

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a report that was stored as JSON."""
        return dict(json.loads(self.read_report(name)))

    def forget_report(self, name: str) -> None:
        """Remove a report if it exists."""
        self._report_path(name).unlink(missing_ok=True)

    def _report_path(self, name: str) -> Path:
        return self.root / "reports" / Path(name).name

    def _folder(self, kind: str) -> Path:
        folder = self.root / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass
class Writing:
    """A Parquet file that is being written; `id` is set when the file is complete."""

    path: Path
    writer: pq.ParquetWriter
    id: str = ""


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="lz4", use_dictionary=False)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
