"""Rows of a source that conform to the contract, in a local file until all of them are known.

Whether too many rows are refused is known at the end of a source, and reading it may take minutes.
A transaction of that length would keep drift checks from seeing new predictions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingestion.history_import import import_rows, readable
from pipelines.ingestion.result import Ingested, TooManyRefused
from pipelines.ingestion.sources.source import Source
from pipelines.rules.ingestion.refused_share import are_too_many
from pipelines.rules.ingestion.row_checks import snapshot_schema
from pipelines.rules.use_case.contract import Contract
from pipelines.stores.artifacts import Artifacts

FILE = "rows.parquet"


@dataclass(frozen=True)
class Staged:
    """The rows of a source that conform to the contract, in a file, and what was counted."""

    path: Path
    ingested: Ingested

    @property
    def read(self) -> int:
        """How many rows the source has."""
        return self.ingested.rows + self.ingested.quarantined + self.ingested.unlabelled

    def tables(self, rows: int) -> Iterator[pa.Table]:
        """Yield the rows in tables of at most so many."""
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(rows):
                yield pa.Table.from_batches([batch])


def stage(
    source: Source,
    contract: Contract,
    artifacts: Artifacts,
    folder: Path,
    *,
    share: float,
    unique: bool,
) -> Staged:
    """Check the rows of a source and write those that conform to a file in `folder`.

    Raises TooManyRefused when more than `share` of the rows are refused, and DataError when the
    source is not readable. Refused rows are in quarantine either way.
    """
    path = folder / FILE
    schema = snapshot_schema(contract)
    with readable(source), pq.ParquetWriter(path, schema, compression="lz4") as writer:
        ingested = import_rows(
            source,
            contract,
            artifacts,
            write=writer.write_table,
            folder=folder,
            unique=unique,
            named=True,
        )
    staged = Staged(path, ingested)
    _require_few_refused(staged, source, share=share)
    return staged


def _require_few_refused(staged: Staged, source: Source, *, share: float) -> None:
    ingested = staged.ingested
    rows = ingested.rows + ingested.quarantined
    if not are_too_many(ingested.quarantined, rows, share=share):
        return
    faults = "; ".join(refusal.message for refusal in ingested.refusals)
    quarantine = ingested.quarantine.name if ingested.quarantine else ""
    raise TooManyRefused(
        f"{source.name}: {ingested.quarantined:,} of {rows:,} rows were refused, "
        f"{ingested.quarantined / rows:.1%}, and `validation.quarantine_share` of the policy "
        f"allows {share:.1%}: nothing was imported, and the next run reads the rows again; they "
        f"are in quarantine/{quarantine}: {faults}",
        ingested,
    )
