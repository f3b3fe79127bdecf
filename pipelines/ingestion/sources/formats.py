"""Finds the reader of a file by its name."""

from collections.abc import Callable
from pathlib import Path

from pipelines.errors import DataError
from pipelines.ingestion.sources.arrow_sources import FeatherSource, ParquetSource
from pipelines.ingestion.sources.csv_source import CsvSource
from pipelines.ingestion.sources.excel_source import ExcelSource
from pipelines.ingestion.sources.source import Source
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat

TEXT = (".csv", ".tsv", ".txt", ".psv")
COMPRESSIONS = (".gz", ".zst")
BINARY: dict[str, Callable[[Path, Contract], Source]] = {
    ".parquet": ParquetSource,
    ".pq": ParquetSource,
    ".feather": FeatherSource,
    ".arrow": FeatherSource,
    ".xlsx": ExcelSource,
    ".xlsm": ExcelSource,
}
SUPPORTED = ".csv, .tsv, .txt or .psv (also .gz or .zst), .parquet, .feather, .arrow or .xlsx"


def open_file(file: Path, contract: Contract, csv: CsvFormat) -> Source:
    """Return the source of a file; DataError when there is no such file or no reader for it."""
    if not file.is_file():
        raise DataError(f"{file} does not exist or is not a file: name a {SUPPORTED} file")
    if file.suffix.lower() in BINARY:
        return BINARY[file.suffix.lower()](file, contract)
    if _text_suffix(file) in TEXT:
        return CsvSource(file, contract, csv)
    suffix = file.suffix or "no suffix"
    raise DataError(f"{file}: {suffix!r} is not a supported format: use {SUPPORTED}")


def is_supported(file: Path) -> bool:
    """Whether there is a reader for a file of this name."""
    return file.suffix.lower() in BINARY or _text_suffix(file) in TEXT


def _text_suffix(file: Path) -> str:
    """Return the suffix of a file, of a compressed one that of its content."""
    if file.suffix.lower() in COMPRESSIONS:
        file = file.with_suffix("")
    return file.suffix.lower()
