"""Finds the reader of a file of rows, and the name and the format of its scored file."""

from collections.abc import Callable
from pathlib import Path

from pipelines.batch_scoring.files.csv_files import CsvRows
from pipelines.batch_scoring.files.readable import readable
from pipelines.batch_scoring.files.rows_file import RowsFile
from pipelines.batch_scoring.files.table_files import ArrowRows, ParquetRows
from pipelines.errors import DataError, ParameterError
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat

CSV = "csv"
PARQUET = "parquet"
FORMATS = (CSV, PARQUET)
TEXT = (".csv", ".tsv", ".txt", ".psv")
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
BINARY: dict[str, Callable[[Path, Contract], RowsFile]] = {
    ".parquet": ParquetRows,
    ".pq": ParquetRows,
    ".feather": ArrowRows,
    ".arrow": ArrowRows,
}
SUPPORTED = ".csv, .tsv, .txt or .psv (also .gz or .zst), .parquet, .feather or .arrow"


def open_rows(file: Path, contract: Contract, csv: CsvFormat) -> RowsFile:
    """Return the reader of a file; DataError when there is no such file or no reader for it."""
    if not file.is_file():
        raise DataError(f"{file} does not exist or is not a file: name a {SUPPORTED} file")
    if file.suffix.lower() in BINARY:
        with readable(str(file), "Parquet or Arrow file"):
            return BINARY[file.suffix.lower()](file, contract)
    if is_text(file):
        with readable(str(file), "text file"):
            return CsvRows(file, contract, csv)
    suffix = file.suffix or "no suffix"
    raise DataError(f"{file}: {suffix!r} is not a format that can be scored: use {SUPPORTED}")


def is_text(file: Path) -> bool:
    """Whether a file is delimited text by its name."""
    return _content_suffix(file) in TEXT


def compression(file: Path) -> str | None:
    """Return Arrow's name of the compression of a file, by its name."""
    return COMPRESSIONS.get(file.suffix.lower())


def scored_file(file: Path, *, out: Path | None, form: str | None) -> tuple[Path, str]:
    """Return the path of the scored file and its format.

    Without `out` it is beside the file: `rows.csv.gz` gives `rows.scored.csv.gz`. The format is
    `form`, else that of the name of `out`, else that of the file. Raises ParameterError when they
    contradict each other.
    """
    if form is not None and form not in FORMATS:
        raise ParameterError(f"--format {form!r} is unknown: use {' or '.join(FORMATS)}")
    if out is None:
        form = form or (CSV if is_text(file) else PARQUET)
        return _beside(file, form), form
    by_name = _format_of(out)
    if by_name is None and form is None:
        raise ParameterError(
            f"--out {out} does not say its format: end its name with .csv or .parquet, or give "
            "--format"
        )
    if None not in (by_name, form) and by_name != form:
        raise ParameterError(
            f"--out {out} is named as {by_name}, and --format is {form}: give one of them"
        )
    return out, form or by_name or CSV


def _beside(file: Path, form: str) -> Path:
    stem = _stem(file)
    if form == PARQUET:
        return file.with_name(f"{stem}.scored.parquet")
    suffixes = file.name.removeprefix(stem) if is_text(file) else ".csv"
    return file.with_name(f"{stem}.scored{suffixes}")


def _stem(file: Path) -> str:
    """Return the name of a file without the suffixes of its format and its compression."""
    plain = file.with_suffix("") if file.suffix.lower() in COMPRESSIONS else file
    return plain.stem


def _content_suffix(file: Path) -> str:
    if file.suffix.lower() in COMPRESSIONS:
        file = file.with_suffix("")
    return file.suffix.lower()


def _format_of(out: Path) -> str | None:
    if is_text(out):
        return CSV
    return PARQUET if out.suffix.lower() in (".parquet", ".pq") else None
