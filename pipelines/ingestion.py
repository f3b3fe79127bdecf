"""Import labelled history from a file.

Rows that conform to the contract become a snapshot. All other rows go to quarantine with a reason.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.rules.data.column_names import column_names
from pipelines.rules.data.row_checks import (
    QUARANTINED,
    CheckedRows,
    check_rows,
    snapshot_schema,
)
from pipelines.rules.use_case.contract import Contract
from pipelines.stores.artifacts import Artifacts

BATCH_ROWS = 100_000
BLOCK_BYTES = 16 << 20
HEADER_BYTES = 1 << 16
REPEATED = "transaction_id: given twice, the first is kept"
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Ingested:
    """The result of an import.

    `snapshot` is the id to train on, `reasons` counts the quarantined rows by reason, `unlabelled`
    the rows that were left out because their label is not known yet, and `treated` the values that
    were taken as another one.
    """

    snapshot: str
    rows: int
    quarantined: int
    quarantine: Path | None
    reasons: dict[str, int]
    unlabelled: int = 0
    treated: dict[str, int] = field(default_factory=dict)


def ingest(
    file: Path, contract: Contract, artifacts: Artifacts, *, progress: Progress = lambda _: None
) -> Ingested:
    """Import a CSV, CSV.gz or Parquet file in bounded memory; a file always has one snapshot id.

    Raises DataError when the file is not readable, or when no row conforms to the contract; then
    nothing is imported.
    """
    ids: set[str] = set()
    reasons: Counter[str] = Counter()
    treated: Counter[str] = Counter()
    rows = 0
    read = 0
    unlabelled = 0
    now = datetime.now(UTC)
    with (
        artifacts.writing("snapshots", snapshot_schema(contract)) as snapshot,
        _Quarantine(artifacts) as quarantine,
    ):
        for table in _readable_batches(file, contract, quarantine):
            checked = check_rows(table, contract, now=now, first_row=read)
            good, row_reasons = _without_repeated_ids(checked, ids)
            snapshot.writer.write_table(good)
            quarantine.add(table, row_reasons)
            refusals = row_reasons[row_reasons != ""]
            reasons.update(sorted(refusals))
            treated.update(checked.treated)
            unlabelled += checked.unlabelled
            rows += len(good)
            read += len(table)
            progress(read)
        reasons.update(quarantine.finish())
        if not rows:
            raise DataError(_no_good_row(file, reasons))
        quarantined = reasons.total()
        snapshot.writer.add_key_value_metadata({QUARANTINED: str(quarantined)})
    return Ingested(
        snapshot=snapshot.id,
        rows=rows,
        quarantined=quarantined,
        quarantine=quarantine.path,
        reasons=dict(reasons.most_common()),
        unlabelled=unlabelled,
        treated=dict(treated.most_common()),
    )


def _without_repeated_ids(
    checked: CheckedRows, ids: set[str]
) -> tuple[pa.Table, NDArray[np.object_]]:
    """The rows to keep, and for each row of the file why it is not kept, or ""."""
    good, repeated = _without_repeats(checked.good, ids)
    reasons = checked.reasons
    reasons[checked.positions[repeated]] = REPEATED
    return good, reasons


def _no_good_row(file: Path, reasons: Counter[str]) -> str:
    counts = [f"{n:,} × {reason}" for reason, n in reasons.items()]
    faults = "; ".join(counts) or "it has no rows"
    return f"{file}: no row conforms to the contract: {faults}"


class _Quarantine:
    """A Parquet file of refused rows in their original form, with a `reason` column.

    The file is created with the first such row. A row that has another number of columns than the
    header is in the `line` column.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        self._folder = artifacts.root / "quarantine"
        self._writer: pq.ParquetWriter | None = None
        self.lines: list[str] = []
        self.line_reasons: list[str] = []
        self.path: Path | None = None

    def set_aside(self, row: pyarrow.csv.InvalidRow) -> str:
        """Keep a row that has too many or too few columns."""
        reason = f"the row has {row.actual_columns} columns, the header {row.expected_columns}"
        self.lines.append(row.text)
        self.line_reasons.append(reason)
        return "skip"

    def add(self, table: pa.Table, row_reasons: NDArray[np.object_]) -> None:
        """Keep the rows of a batch that have a reason."""
        bad = row_reasons != ""
        if not bad.any():
            return
        reasons = pa.array(row_reasons[bad].astype(str))
        refused = table.filter(pa.array(bad))
        no_line = pa.nulls(len(refused), pa.string())
        refused = refused.append_column("reason", reasons)
        refused = refused.append_column("line", no_line)
        self._write(refused)

    def finish(self) -> dict[str, int]:
        """Write the rows that were set aside, and return their reasons with counts."""
        if self.lines:
            refused = pa.table(
                {
                    "reason": self.line_reasons,
                    "line": self.lines,
                }
            )
            self._write(refused)
        return dict(Counter(self.line_reasons))

    def _write(self, refused: pa.Table) -> None:
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.path = self._folder / "ingest.writing"
            self._writer = pq.ParquetWriter(self.path, refused.schema)
        schema = self._writer.schema
        columns = [_column(refused, column.name, column.type) for column in schema]
        self._writer.write_table(pa.table(columns, schema=schema))

    def __enter__(self) -> "_Quarantine":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._writer is None or self.path is None:
            return
        self._writer.close()
        if kind is not None:
            self.path.unlink()
            return
        content = self.path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        final_path = self._folder / f"ingest-{digest[:16]}.parquet"
        self.path = self.path.replace(final_path)


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    """A column of the table as this type; nulls when the table does not have it."""
    if name in table.column_names:
        return table[name].cast(kind)
    return pa.nulls(len(table), kind)


def _readable_batches(
    file: Path, contract: Contract, quarantine: "_Quarantine"
) -> Iterator[pa.Table]:
    """The file's batches; DataError when it is truncated, empty or not of its format."""
    try:
        yield from _batches(file, contract, quarantine)
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{file} is not a valid {_format_of(file)} file: {reason}; nothing was imported: "
            "export the file again"
        ) from error


def _format_of(file: Path) -> str:
    if file.name.endswith(".parquet"):
        return "Parquet"
    if file.name.endswith(".gz"):
        return "gzip-compressed CSV"
    return "CSV"


def _batches(file: Path, contract: Contract, quarantine: "_Quarantine") -> Iterator[pa.Table]:
    if not file.is_file():
        raise DataError(
            f"{file} does not exist or is not a file: name a .csv, .csv.gz or .parquet file"
        )
    if file.name.endswith(".parquet"):
        source = pq.ParquetFile(file)
        names = _names(source.schema_arrow.names, contract, file)
        for batch in source.iter_batches(BATCH_ROWS, columns=list(names)):
            yield _renamed(batch, names)
    elif file.name.endswith((".csv", ".csv.gz")):
        yield from _csv_batches(file, contract, quarantine)
    else:
        suffix = file.suffix or "no suffix"
        raise DataError(
            f"{file}: {suffix!r} is not a supported format: use .csv, .csv.gz or .parquet"
        )


def _csv_batches(file: Path, contract: Contract, quarantine: "_Quarantine") -> Iterator[pa.Table]:
    """Read every column as text, so that a bad value or row is quarantined on its own."""
    header = _header(file)
    delimiter = max(",;\t", key=header.count)
    columns = [name.strip().strip('"') for name in header.split(delimiter)]
    names = _names(columns, contract, file)
    reader = pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(
            block_size=BLOCK_BYTES,
            column_names=columns,
            skip_rows=1,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter,
            invalid_row_handler=quarantine.set_aside,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            include_columns=list(names),
            strings_can_be_null=True,
            null_values=[""],  # what else means missing is the contract's to say
        ),
    )
    with reader:
        for batch in reader:
            yield _renamed(batch, names)


def _header(file: Path) -> str:
    """The first line of a CSV file."""
    with pa.input_stream(str(file), compression="detect") as stream:
        head = stream.read(HEADER_BYTES)
    lines = head.decode("utf-8-sig", errors="replace").splitlines()
    if not lines:
        raise DataError(f"{file} is empty: its first line must name the columns")
    return str(lines[0])


def _renamed(batch: pa.RecordBatch, names: dict[str, str]) -> pa.Table:
    table = pa.Table.from_batches([batch])
    return table.rename_columns(list(names.values()))


def _names(columns: list[str], contract: Contract, file: Path) -> dict[str, str]:
    """The contract's names of the file's columns; DataError names the file."""
    try:
        return column_names(columns, contract)
    except DataError as fault:
        raise DataError(f"{file}: {fault}") from None


def _without_repeats(good: pa.Table, ids: set[str]) -> tuple[pa.Table, NDArray[np.int64]]:
    """The rows with a new transaction id, and the positions of all other rows.

    Adds the new ids to `ids`.
    """
    repeated = []
    for position, transaction_id in enumerate(good["transaction_id"].to_pylist()):
        if transaction_id in ids:
            repeated.append(position)
        ids.add(transaction_id)
    if not repeated:
        return good, np.array([], int)
    keep = np.ones(len(good), bool)
    keep[repeated] = False
    return good.filter(pa.array(keep)), np.array(repeated, int)
