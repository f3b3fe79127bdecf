"""The artifact store: snapshots, datasets and quarantined rows named by content, and reports."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import EvidenceError
from pipelines.settings import Settings


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
        writer = pq.ParquetWriter(name, schema, compression="lz4", use_dictionary=False)
        file = Writing(Path(name), writer)
        try:
            yield file
            writer.close()
            file.id = _digest(file.path)
            file.path.replace(folder / f"{file.id}.parquet")
        finally:
            writer.close()
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


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
