"""Labelled history that the ingest DAG imported, as a snapshot to train on."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.errors import EvidenceError
from pipelines.rules.ingestion.row_checks import QUARANTINED, snapshot_schema
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.settings import Settings
from pipelines.stores import arrow_reads, dataset
from pipelines.stores.artifacts import Artifacts

# Keys of the snapshot's metadata.
IMPORTED = "sixgate.imported"  # how many of its rows the ingest DAG imported
BASE = "sixgate.base"  # the id of the snapshot that has its other rows
ROWS = 100_000

log = logging.getLogger(__name__)


class IngestedHistory:
    """The history of one use case, under its current contract.

    `contract_of` finds the contract of earlier rows by its hash.
    """

    def __init__(
        self,
        settings: Settings,
        artifacts: Artifacts,
        contract: Contract,
        *,
        contract_of: Callable[[str], Contract | None],
    ) -> None:
        self._settings = settings
        self._artifacts = artifacts
        self._contract = contract
        self._contract_of = contract_of
        self._projections: dict[str, Projection | None] = {}

    def snapshot(self, base: str | None = None) -> str:
        """Store the imported rows as a snapshot and return its id; the same rows give the same id.

        `base` is a snapshot whose other rows are added: of a transaction that was imported, the
        imported row counts. If it is such a snapshot itself, its own base is taken.
        """
        base = self._first_base(base)
        schema = snapshot_schema(self._contract)
        imported = 0
        ids = []
        added = None
        with self._artifacts.writing("snapshots", schema) as file:
            for table in self._tables():
                file.writer.write_table(table)
                imported += len(table)
                ids.append(table["transaction_id"].combine_chunks())
            if base:
                added = self._others(base, pa.chunked_array(ids, pa.string()))
                file.writer.write_table(added)
            notes = {IMPORTED: str(imported), BASE: base or "", QUARANTINED: "0"}
            file.writer.add_key_value_metadata(notes)
        self._note_origin(file.id, imported, base, len(added) if added else 0)
        return file.id

    def _first_base(self, base: str | None) -> str | None:
        """Return the snapshot that no import made; None, with a log line, when it is gone."""
        if base is None:
            return None
        try:
            self._artifacts.require("snapshots", base)
            notes = self._artifacts.notes("snapshots", base)
            if IMPORTED not in notes:
                return base
            if first := notes.get(BASE):
                self._artifacts.require("snapshots", first)
            return first or None
        except EvidenceError as error:
            log.warning("the history has the imported rows only: %s", error)
            return None

    def _others(self, base: str, imported: pa.ChunkedArray) -> pa.Table:
        """Return the rows of a snapshot whose transactions were not imported."""
        table = self._artifacts.load("snapshots", base)
        converted = dataset.converted_snapshot(table, self._contract)
        is_imported = pc.is_in(converted["transaction_id"], value_set=imported)
        return converted.filter(pc.invert(is_imported))

    def _tables(self) -> Iterator[pa.Table]:
        """Yield the imported rows, converted to the contract, in tables of `ROWS` or more."""
        schema = snapshot_schema(self._contract)
        unreadable = 0
        pending: list[pa.Table] = []
        batches = arrow_reads.stream(
            self._settings, "ingested_rows", use_case=self._contract.use_case
        )
        for batch in batches:
            table = self._converted(batch, schema)
            unreadable += len(batch) - len(table)
            pending.append(table)
            if sum(map(len, pending)) >= ROWS:
                yield pa.concat_tables(pending).combine_chunks()
                pending = []
        if pending:
            yield pa.concat_tables(pending).combine_chunks()
        if unreadable:
            log.warning(
                "%s imported rows are left out: their contract is not recorded", f"{unreadable:,}"
            )

    def _converted(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.Table:
        """Return rows of any recorded contract as a snapshot has them."""
        hashes = batch.column("contract_hash")
        tables = []
        for contract_hash in hashes.unique().to_pylist():
            projection = self._projection(contract_hash)
            if projection is None:
                continue
            rows = batch.filter(pc.equal(hashes, contract_hash))
            raw = arrow_reads.matrix(rows.column("features"), len(projection.source.raw))
            if not projection.is_identity:
                raw = projection(raw)[:, : len(self._contract.raw)]
            tables.append(_table(rows, raw, schema))
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def _projection(self, contract_hash: str) -> Projection | None:
        if contract_hash not in self._projections:
            is_current = contract_hash == self._contract.hash
            source = self._contract if is_current else self._contract_of(contract_hash)
            self._projections[contract_hash] = (
                Projection(source, self._contract) if source else None
            )
        return self._projections[contract_hash]

    def _note_origin(self, snapshot: str, imported: int, base: str | None, added: int) -> None:
        """Record where the snapshot came from, for `sixgate snapshots`."""
        origin = f"{imported:,} rows that {self._contract.use_case}_ingest imported"
        if base:
            origin += f", and {added:,} of snapshot {base}"
        entry = {
            "file": origin,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": imported + added,
            "quarantined": 0,
            "quarantine": None,
        }
        self._artifacts.note_import("snapshots", snapshot, entry)


def _table(rows: pa.RecordBatch, raw: NDArray[np.float64], schema: pa.Schema) -> pa.Table:
    columns = {
        name: rows.column(name) for name in ("transaction_id", "entity_key", "event_time", "label")
    }
    names = [name for name in schema.names if name not in columns]
    for place, name in enumerate(names):
        columns[name] = pa.array(np.ascontiguousarray(raw[:, place]), from_pandas=True)
    arrays = [columns[name].cast(schema.field(name).type) for name in schema.names]
    return pa.table(arrays, schema=schema)
