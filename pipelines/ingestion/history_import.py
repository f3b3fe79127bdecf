"""Imports labelled history in bounded memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.errors import DataError
from pipelines.ingestion.checking import CheckedPart, checked_parts
from pipelines.ingestion.quarantine import Quarantine
from pipelines.ingestion.repeats import Repeats
from pipelines.ingestion.result import Ingested, TooManyRefused
from pipelines.ingestion.sources.background import Background
from pipelines.ingestion.sources.formats import open_file
from pipelines.ingestion.sources.source import Source
from pipelines.ingestion.tally import Tally
from pipelines.rules.ingestion.row_checks import QUARANTINED, row_names, snapshot_schema
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.stores.artifacts import Artifacts

Progress = Callable[[int], None]


def ingest(
    file: Path,
    contract: Contract,
    artifacts: Artifacts,
    *,
    csv: CsvFormat | None = None,
    quarantine_share: float = 1.0,
    progress: Progress = lambda _: None,
) -> Ingested:
    """Import a file; its format follows from its name. A file always has one snapshot id.

    `csv` replaces the contract's settings of CSV files. Raises DataError when the file is not
    readable, and as `ingest_from` does.
    """
    return ingest_from(
        open_file(file, contract, csv or contract.csv),
        contract,
        artifacts,
        quarantine_share=quarantine_share,
        progress=progress,
    )


def ingest_from(
    source: Source,
    contract: Contract,
    artifacts: Artifacts,
    *,
    quarantine_share: float = 1.0,
    progress: Progress = lambda _: None,
) -> Ingested:
    """Import a source.

    Raises TooManyRefused, and stores no snapshot, when more than `quarantine_share` of the rows do
    not conform to the contract, or all of them; the quarantine is written all the same. Raises
    DataError when there are no rows, or when the source is not readable.
    """
    with (
        readable(source),
        artifacts.writing("snapshots", snapshot_schema(contract)) as snapshot,
    ):
        ingested = import_rows(
            source,
            contract,
            artifacts,
            write=snapshot.writer.write_table,
            folder=artifacts.root / "snapshots",
            progress=progress,
        )
        _require_few_refused(ingested, source, share=quarantine_share)
        snapshot.writer.add_key_value_metadata({QUARANTINED: str(ingested.quarantined)})
    _note_origin(artifacts, snapshot.id, source, ingested)
    return replace(ingested, snapshot=snapshot.id)


def import_rows(
    source: Source,
    contract: Contract,
    artifacts: Artifacts,
    *,
    write: Callable[[pa.Table], None],
    folder: Path,
    unique: bool = True,
    named: bool = False,
    progress: Progress = lambda _: None,
) -> Ingested:
    """Check the rows of a source; `write` gets those that conform, the others go to quarantine.

    With `unique`, the first row of an id is kept and the others are refused; ids are compared in
    `folder`. With `named`, a source without a column of ids raises DataError: otherwise its rows
    are named by their place.
    """
    tally = Tally(contract)
    with (
        Quarantine(artifacts) as quarantine,
        Repeats(folder) as repeats,
        Background() as writing,
    ):

        def keep(part: CheckedPart, good: pa.Table) -> None:
            write(repeats.without_suspects(part, good) if unique else good)

        for part in checked_parts(source, contract, now=datetime.now(UTC)):
            if named and not part.has_ids:
                raise DataError(_without_ids(contract))
            good = _good_rows(part, first_row=tally.read)
            writing.run(keep, part, good)
            _put_aside(part, quarantine)
            tally.add(part)
            progress(tally.read)
        writing.wait()
        for held in repeats.resolved():
            write(held.new)
            quarantine.add(held.repeated, held.reasons(contract))
            tally.add_repeated(held.repeated, held.numbers)
        quarantine.keep()
    return _result(tally, source, quarantine)


def _without_ids(contract: Contract) -> str:
    return (
        f"no column for {contract.transaction_id}: rows that are imported in parts are found again "
        "by it; name the column that identifies a transaction, or add it to the contract's "
        "`sources:`"
    )


def _note_origin(artifacts: Artifacts, snapshot: str, source: Source, ingested: Ingested) -> None:
    """Record where a snapshot came from, for `sixgate snapshots`."""
    entry = {
        "file": source.name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": ingested.rows,
        "quarantined": ingested.quarantined,
        "quarantine": ingested.quarantine.name if ingested.quarantine else None,
    }
    artifacts.note_import("snapshots", snapshot, entry)


def _good_rows(part: CheckedPart, *, first_row: int) -> pa.Table:
    """Return the rows that conform; without a column of ids, rows are named by their place."""
    good = part.checked.good
    if part.has_ids:
        return good
    names = row_names(first_row, len(part.checked.labels))
    ids = names.take(pa.array(part.checked.positions))
    return good.set_column(good.column_names.index("transaction_id"), "transaction_id", ids)


def _put_aside(part: CheckedPart, quarantine: Quarantine) -> None:
    refused = np.flatnonzero(~part.checked.refusals.good)
    if not len(refused) and not part.set_aside:
        return
    rows, _ = part.part.take(refused)
    reasons = part.checked.reasons[refused].tolist()
    quarantine.add(rows, reasons, part.set_aside)


def _result(tally: Tally, source: Source, quarantine: Quarantine) -> Ingested:
    """Return the result, without the id of the snapshot."""
    listed = tally.refusals()
    dependence = tally.label_dependence()
    return Ingested(
        snapshot="",
        rows=tally.kept,
        quarantined=sum(refusal.rows for refusal in listed),
        quarantine=quarantine.path,
        reasons={refusal.text: refusal.rows for refusal in listed},
        unlabelled=tally.unlabelled,
        treated=dict(tally.treated.most_common()),
        unit=source.unit,
        refusals=tuple(listed),
        label_dependence=dependence,
        warnings=tuple(tally.warnings()),
    )


def _require_few_refused(ingested: Ingested, source: Source, *, share: float) -> None:
    rows = ingested.rows + ingested.quarantined
    if not rows:
        raise DataError(f"{source.name}: no row conforms to the contract: {_no_rows(ingested)}")
    faults = "; ".join(f"{n:,} × {reason}" for reason, n in ingested.reasons.items())
    if not ingested.rows:
        raise TooManyRefused(
            f"{source.name}: no row conforms to the contract: {faults}; no snapshot was stored",
            ingested,
        )
    refused = ingested.quarantined / rows
    if refused > share:
        raise TooManyRefused(
            f"{source.name}: {ingested.quarantined:,} of {rows:,} rows were refused, "
            f"{refused:.1%}, and `validation.quarantine_share` of the policy allows {share:.1%}: "
            f"no snapshot was stored: {faults}",
            ingested,
        )


def _no_rows(ingested: Ingested) -> str:
    if ingested.unlabelled:
        return f"it has no rows with a label: {ingested.unlabelled:,} are not labelled yet"
    return "it has no rows"


@contextmanager
def readable(source: Source) -> Iterator[None]:
    """Raise DataError with the source's name when it is truncated or not of its format."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{source.name} is not a valid {source.kind}: {reason}; nothing was imported: "
            "export it again"
        ) from error
    except TooManyRefused:
        raise
    except DataError as fault:
        if source.name in str(fault):
            raise
        raise DataError(f"{source.name}: {fault}") from None
