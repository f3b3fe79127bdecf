"""Files of the lifecycle: snapshots and datasets named by their content, quarantined rows, reports."""

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
    """The artifact store of one use case."""

    root: Path

    @classmethod
    def of(cls, settings: Settings, use_case: str) -> "Artifacts":
        """The store that `settings` names."""
        return cls(settings.artifact_root / use_case)

    @contextmanager
    def writing(self, kind: str, schema: pa.Schema) -> Iterator["Writing"]:
        """Write a Parquet file piece by piece; at the end it gets its content's name, or vanishes if the block raised."""
        folder = self._folder(kind)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".writing")
        os.close(handle)
        writing = Writing(
            Path(name), pq.ParquetWriter(name, schema, compression="lz4", use_dictionary=False)
        )
        try:
            yield writing
            writing.writer.close()
            writing.id = _digest(writing.path)
            writing.path.replace(folder / f"{writing.id}.parquet")
        finally:
            writing.writer.close()
            writing.path.unlink(missing_ok=True)

    def save(self, kind: str, table: pa.Table) -> str:
        """Keep a table; returns the id that its content gives it."""
        with self.writing(kind, table.schema) as file:
            file.writer.write_table(table)
        return file.id

    def load(self, kind: str, id_: str) -> pa.Table:
        """Read a table by its id; a file whose content changed is refused."""
        self.require(kind, id_)
        path = self.path(kind, id_)
        if _digest(path) != id_:
            raise EvidenceError(
                f"{path} is not what was written: restore it, or ingest the file again"
            )
        return pq.read_table(path)

    def require(self, kind: str, id_: str) -> None:
        """Raise EvidenceError, with the ids there are, unless there is such a table."""
        path = self.path(kind, id_)
        if not path.exists():
            known = ", ".join(self.ids(kind)) or "none"
            raise EvidenceError(
                f"no {kind.rstrip('s')} {id_!r} in {path.parent}: known are {known}"
            )

    def notes(self, kind: str, id_: str) -> dict[str, str]:
        """What was noted beside a table's columns."""
        found = pq.read_metadata(self.path(kind, id_)).metadata or {}
        return {key.decode(): value.decode(errors="replace") for key, value in found.items()}

    def path(self, kind: str, id_: str) -> Path:
        """Where a table lies."""
        return self.root / kind / f"{Path(id_).name}.parquet"

    def ids(self, kind: str) -> list[str]:
        """The tables there are, oldest first."""
        return [
            file.stem
            for file in sorted(
                (self.root / kind).glob("*.parquet"), key=lambda f: f.stat().st_mtime
            )
        ]

    def report(self, name: str, content: dict[str, Any] | str | bytes) -> Path:
        """Keep a report for people, as JSON or as it is."""
        path = self._folder("reports") / name
        if isinstance(content, dict):
            content = json.dumps(content, indent=2, default=str)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def reports(self, pattern: str) -> list[str]:
        """Names of the reports that match, in order."""
        return sorted(file.name for file in (self.root / "reports").glob(pattern))

    def read_report(self, name: str) -> bytes:
        """One report; EvidenceError when there is none of that name."""
        path = self.root / "reports" / Path(name).name
        if not path.is_file():
            raise EvidenceError(
                f"there is no report {name!r}: it may be older than the policy keeps them"
            )
        return path.read_bytes()

    def read_json(self, name: str) -> dict[str, Any]:
        """One report that was kept as JSON."""
        return dict(json.loads(self.read_report(name)))

    def forget_report(self, name: str) -> None:
        """Remove a report."""
        (self.root / "reports" / Path(name).name).unlink(missing_ok=True)

    def _folder(self, kind: str) -> Path:
        folder = self.root / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass
class Writing:
    """A Parquet file while it is written; `id` is set once it is whole."""

    path: Path
    writer: pq.ParquetWriter
    id: str = ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
