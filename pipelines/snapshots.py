"""The snapshots of a use case, where they came from, and what uses them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.records import Snapshot
from pipelines.rules.ingestion.row_checks import QUARANTINED
from pipelines.rules.promotion.ledger import champion
from pipelines.rules.use_case.file_retention import uses_of
from pipelines.settings import Settings
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.files import FileUsers
from pipelines.stores.ledger import Ledger


def list_snapshots(settings: Settings, connection: Connection, use_case: str) -> list[Snapshot]:
    """List the snapshots of a use case, oldest first.

    A snapshot that an earlier release ingested has no file name and no time. The number of rows of
    a file that can't be read is None.
    """
    artifacts = Artifacts.of(settings, use_case)
    users = FileUsers(connection).of(use_case)
    served = champion(Ledger(connection).recent(use_case))
    version = served.version if served else None
    return [
        _snapshot(artifacts, id_, uses_of(id_, users, version))
        for id_ in artifacts.ids("snapshots")
    ]


def _snapshot(artifacts: Artifacts, id_: str, used_by: list[str]) -> Snapshot:
    imports = artifacts.imports("snapshots", id_)
    newest = imports[-1] if imports else {}
    path = artifacts.path("snapshots", id_)
    rows, quarantined = _counts(path)
    return Snapshot(
        id=id_,
        rows=rows,
        quarantined=quarantined,
        bytes=path.stat().st_size,
        file=newest.get("file"),
        ingested_at=newest.get("at"),
        imports=imports,
        used_by=used_by,
    )


def _counts(path: Path) -> tuple[int | None, int | None]:
    """Return the rows of a snapshot, and how many rows of its file were quarantined."""
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return None, None
    notes = metadata.metadata or {}
    quarantined = notes.get(QUARANTINED.encode())
    return metadata.num_rows, None if quarantined is None else int(quarantined)
