"""Take in labelled history: rows that keep the contract become a snapshot, the others go to quarantine with the reason."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.rules.data.row_checks import QUARANTINED, check_rows, required, snapshot_schema
from pipelines.rules.use_case.contract import Contract
from pipelines.stores.artifacts import Artifacts

BATCH_ROWS = 100_000
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Ingested:
    """What became of a file; `snapshot` is the id to train on, `reasons` counts the faults."""

    snapshot: str
    rows: int
    quarantined: int
    quarantine: Path | None
    reasons: dict[str, int]


def ingest(
    file: Path, contract: Contract, artifacts: Artifacts, *, progress: Progress = lambda _: None
) -> Ingested:
    """Read a CSV, CSV.gz or Parquet file in bounded memory; the same file gives the same snapshot."""
    seen: set[str] = set()
    reasons: dict[str, int] = {}
    rows = quarantined = 0
    with (
        artifacts.writing("snapshots", snapshot_schema(contract)) as snapshot,
        _Quarantine(artifacts) as quarantine,
    ):
        for table in _readable(file, contract, quarantine):
            checked = check_rows(table, contract, first_row=rows + quarantined)
            good, repeated = _without_repeats(checked.good, seen)
            why = checked.reasons.copy().astype(object)
            why[np.flatnonzero(why == "")[repeated]] = (
                "transaction_id: given twice, the first is kept"
            )
            bad = why != ""
            snapshot.writer.write_table(good)
            quarantine.add(table, why, bad)
            for reason, n in zip(*np.unique(why[bad].astype(str), return_counts=True), strict=True):
                reasons[str(reason)] = reasons.get(str(reason), 0) + int(n)
            rows, quarantined = rows + len(good), quarantined + int(bad.sum())
            progress(rows + quarantined)
        for reason, n in quarantine.finish().items():
            reasons[reason], quarantined = n, quarantined + n
        if not rows:
            faults = (
                "; ".join(f"{n:,} × {reason}" for reason, n in reasons.items()) or "it has no rows"
            )
            raise DataError(f"{file}: no row keeps the contract: {faults}")
        snapshot.writer.add_key_value_metadata({QUARANTINED: str(quarantined)})
    return Ingested(
        snapshot.id,
        rows,
        quarantined,
        quarantine.path,
        dict(sorted(reasons.items(), key=lambda r: -r[1])),
    )


class _Quarantine:
    """A Parquet file of refused rows as they came, with a `reason` column; made when the first one turns up.

    Rows of another length than the header's stand in its `line` column.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        self._folder = artifacts.root / "quarantine"
        self._writer: pq.ParquetWriter | None = None
        self.lines: list[tuple[str, str]] = []
        self.path: Path | None = None

    def set_aside(self, row: pyarrow.csv.InvalidRow) -> str:
        """Keep a row that has too many or too few columns."""
        self.lines.append(
            (
                row.text,
                f"the row has {row.actual_columns} columns, the header {row.expected_columns}",
            )
        )
        return "skip"

    def add(self, table: pa.Table, why: NDArray[np.object_], bad: NDArray[np.bool_]) -> None:
        """Keep the rows of a batch where `bad` is true."""
        if bad.any():
            refused = table.filter(pa.array(bad)).append_column(
                "reason", pa.array(why[bad].astype(str))
            )
            self._write(refused.append_column("line", pa.nulls(len(refused), pa.string())))

    def finish(self) -> dict[str, int]:
        """Write what was set aside, and return its reasons with their counts."""
        texts, reasons = [text for text, _ in self.lines], [reason for _, reason in self.lines]
        if texts:
            self._write(pa.table({"reason": reasons, "line": texts}))
        return dict(Counter(reasons))

    def _write(self, refused: pa.Table) -> None:
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.path = self._folder / "ingest.writing"
            self._writer = pq.ParquetWriter(self.path, refused.schema)
        n, schema = len(refused), self._writer.schema
        there = set(refused.column_names)
        columns = [
            refused[f.name].cast(f.type) if f.name in there else pa.nulls(n, f.type) for f in schema
        ]
        self._writer.write_table(pa.table(columns, schema=schema))

    def __enter__(self) -> "_Quarantine":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._writer is None or self.path is None:
            return
        self._writer.close()
        if kind is None:
            name = hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]
            self.path = self.path.replace(self._folder / f"ingest-{name}.parquet")
        else:
            self.path.unlink()


def _readable(file: Path, contract: Contract, quarantine: "_Quarantine") -> Iterator[pa.Table]:
    """The file's batches; one that is cut off, empty or something else than its name says ends with what to do."""
    try:
        yield from _batches(file, contract, quarantine)
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())
        raise DataError(
            f"{file} can't be read as its ending says: {words}: write it anew, nothing of it was kept"
        ) from error


def _batches(file: Path, contract: Contract, quarantine: "_Quarantine") -> Iterator[pa.Table]:
    if not file.is_file():
        raise DataError(
            f"{file} does not exist or is no file: name a .csv, .csv.gz or .parquet file"
        )
    if file.name.endswith(".parquet"):
        source = pq.ParquetFile(file)
        names = _names(source.schema_arrow.names, contract, file)
        for batch in source.iter_batches(BATCH_ROWS, columns=list(names)):
            yield pa.Table.from_batches([batch]).rename_columns(list(names.values()))
    elif file.name.endswith((".csv", ".csv.gz")):
        yield from _csv_batches(file, contract, quarantine)
    else:
        raise DataError(
            f"{file}: {file.suffix or 'no ending'!r} is not read here: use .csv, .csv.gz or .parquet"
        )


def _csv_batches(file: Path, contract: Contract, quarantine: "_Quarantine") -> Iterator[pa.Table]:
    """Every column as text, so that one bad value costs its row and not the file; so does a row of another length."""
    with pa.input_stream(str(file), compression="detect") as head:
        lines = head.read(1 << 16).decode("utf-8-sig", errors="replace").splitlines()
    if not lines:
        raise DataError(f"{file} is empty: its first line must name the columns")
    delimiter = max(",;\t", key=lines[0].count)
    given = [name.strip().strip('"') for name in lines[0].split(delimiter)]
    names = _names(given, contract, file)
    convert = pyarrow.csv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        include_columns=list(names),
        strings_can_be_null=True,
    )
    read = pyarrow.csv.ReadOptions(block_size=16 << 20, column_names=given, skip_rows=1)
    parse = pyarrow.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=quarantine.set_aside)
    with pyarrow.csv.open_csv(
        file, read_options=read, parse_options=parse, convert_options=convert
    ) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch]).rename_columns(list(names.values()))


def _names(given: list[str], contract: Contract, file: Path) -> dict[str, str]:
    """Which of the file's columns are which of the contract's; columns the contract does not know are left out."""
    wanted = {*required(contract), contract.transaction_id, contract.entity_key}
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise DataError(
            f"{file}: the header names {', '.join(twice)} twice: take one of the columns out"
        )
    names = {name: contract.sources.get(name, name) for name in given}
    names = {name: target for name, target in names.items() if target in wanted}
    missing = [name for name in required(contract) if name not in names.values()]
    if missing:
        raise DataError(
            f"{file}: no column for {', '.join(missing)}: rename the file's columns, or add them to the contract's `sources:`; "
            f"the file has {', '.join(given)}"
        )
    return names


def _without_repeats(good: pa.Table, seen: set[str]) -> tuple[pa.Table, NDArray[np.int64]]:
    """Drop rows whose transaction was taken in before; returns them with the positions of the dropped ones."""
    ids = good["transaction_id"].to_pylist()
    repeated = []
    for at, name in enumerate(ids):
        if name in seen:
            repeated.append(at)
        seen.add(name)
    keep = np.ones(len(ids), bool)
    keep[repeated] = False
    return (good.filter(pa.array(keep)) if repeated else good), np.array(repeated, int)
