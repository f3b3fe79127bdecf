"""Export predictions, labels and decisions to the audit trail, day by day."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from pipelines.rules.data.audit_manifest import (
    AuditContract,
    AuditFile,
    AuditManifest,
    bounds,
    days_to_export,
    faults,
    schema_of,
)
from pipelines.settings import Settings
from pipelines.stores import arrow_reads
from pipelines.stores.audit import AuditFolder
from pipelines.stores.database import Connection, queries
from pipelines.stores.models import ModelStore

BY_TRANSACTION = ("predictions", "labels")  # tables whose rows name the transaction that wrote them
BY_ID = ("decisions", "decision_events", "promotions")

log = logging.getLogger(__name__)


@dataclass
class Exported:
    """What one run wrote: the days that it looked at, and new rows by table."""

    days: int = 0
    rows: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((*BY_TRANSACTION, *BY_ID), 0)
    )


def export(settings: Settings, connection: Connection, today: date) -> Exported:
    """Write the days until yesterday that are missing, and rows that came late.

    Safe to repeat: what a manifest names is not written again. Raises EvidenceError while another
    process exports.
    """
    folder = AuditFolder(settings.home / "audit")
    exported = Exported()
    with folder.locked():
        first = queries("audit").first_day(connection)
        settled = str(queries("audit").settled_xid(connection))
        for day in days_to_export(first, folder.days(), today):
            _export_day(_Day(settings, connection, folder, settled, exported), day)
            exported.days += 1
    return exported


def verify(settings: Settings) -> list[str]:
    """Compare every file with its manifest; return what is missing or has changed."""
    folder = AuditFolder(settings.home / "audit")
    problems = []
    for day in folder.days():
        manifest = folder.manifest(day)
        problems += faults(manifest, folder.digests(manifest))
    return problems


@dataclass
class _Day:
    """What the export of a day works with; rows of transactions below `settled` are complete."""

    settings: Settings
    connection: Connection
    folder: AuditFolder
    settled: str
    exported: Exported


def _export_day(context: _Day, day: date) -> None:
    """Write the new rows of each table; the manifest is saved after each file."""
    manifest = context.folder.manifest(day)
    is_new = day not in context.folder.days()
    for table in BY_TRANSACTION:
        begin = manifest.logged_until(table)
        if int(context.settled) < int(begin):
            log.warning(
                "%s: %s are exported to transaction %s, and the database is at %s: it was restored "
                "from a dump, so late rows of this day are not found",
                day,
                table,
                begin,
                context.settled,
            )
            continue
        batches = _stream(context, table, day, begin=begin, end=context.settled)
        manifest = _add(context, manifest, table, batches, logged_until=context.settled)
    for table in BY_ID:
        ids = ",".join(str(id_) for id_ in manifest.exported(table))
        batches = _stream(context, table, day, exported=f"{{{ids}}}")
        manifest = _add(context, manifest, table, batches)
    if is_new:
        context.folder.save(manifest)


def _stream(context: _Day, table: str, day: date, **values: str) -> Iterator[pa.RecordBatch]:
    start, end = bounds(day)
    return arrow_reads.stream(
        context.settings,
        f"audit_{table}",
        day_start=start.isoformat(),
        day_end=end.isoformat(),
        **values,
    )


def _add(
    context: _Day,
    manifest: AuditManifest,
    table: str,
    batches: Iterator[pa.RecordBatch],
    *,
    logged_until: str | None = None,
) -> AuditManifest:
    """Write a file of new rows and name it in the manifest; without rows, nothing changes."""
    name = manifest.next_file(table)
    written = context.folder.write(manifest.day, name, batches, keep_ids=logged_until is None)
    if written is None:
        return manifest
    file = AuditFile(
        file=name,
        table=table,
        rows=written.rows,
        bytes=written.bytes,
        sha256=written.sha256,
        schema=schema_of(written.schema.names, written.schema.types),
        contracts=written.contracts,
        logged_until=logged_until,
        ids=written.ids,
    )
    context.exported.rows[table] += written.rows
    changed = manifest.with_file(file, _contracts(context.connection, written.contracts))
    context.folder.save(changed)
    return changed


def _contracts(connection: Connection, hashes: Sequence[str]) -> dict[str, AuditContract]:
    """Return the contracts that the database knows, by their hashes."""
    models = ModelStore(connection)
    contracts = {hash_: models.recorded_contract(hash_) for hash_ in hashes}
    return {
        hash_: AuditContract(use_case=contract.use_case, columns=list(contract.columns))
        for hash_, contract in contracts.items()
        if contract is not None
    }
