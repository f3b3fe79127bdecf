"""Reads the first sheet of an Excel workbook.

Excel limits a sheet to 1,048,576 rows, so it may be held in memory.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from pipelines.errors import DataError
from pipelines.ingestion.sources.arrow_sources import BATCH_ROWS
from pipelines.ingestion.sources.source import FileRows
from pipelines.rules.ingestion.column_names import column_names
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.spellings import EXACT, category_text


class ExcelSource:
    """An Excel workbook, whose first sheet has the names of columns in its first row."""

    kind = "Excel file"
    unit = "row"

    def __init__(self, file: Path, contract: Contract) -> None:
        self.name = str(file)
        self._file = file
        self._contract = contract

    def columns(self) -> list[str]:
        """Return the first row; raises DataError when the sheet is empty or not readable."""
        with self._workbook() as workbook:
            return _header(workbook.get_sheet_by_index(0).iter_rows(), self._file)

    def parts(self) -> Iterator["ExcelPart"]:
        """Yield rows of the sheet; raises DataError when it is empty or not readable."""
        with self._workbook() as workbook:
            yield from _parts(workbook.get_sheet_by_index(0), self._contract, self._file)

    def _workbook(self) -> CalamineWorkbook:
        try:
            return CalamineWorkbook.from_path(self._file)
        except (CalamineError, OSError) as error:
            raise DataError(
                f"{self._file} is not a valid Excel file: {error}; nothing was imported: "
                "export the file again, without a password"
            ) from error


def _parts(sheet: CalamineSheet, contract: Contract, file: Path) -> Iterator["ExcelPart"]:
    first_row = 1 if sheet.start is None else sheet.start[0] + 1
    rows = iter(sheet.iter_rows())
    header = _header(rows, file)
    names = column_names(header, contract)
    numbered = ((number, row) for number, row in enumerate(rows, first_row + 1) if _has_cell(row))
    while batch := list(islice(numbered, BATCH_ROWS)):
        columns = {
            target: [row[header.index(name)] for _, row in batch] for name, target in names.items()
        }
        yield ExcelPart(columns, [number for number, _ in batch])


def _header(rows: Iterator[list[Any]], file: Path) -> list[str]:
    header = [str(name) for name in next(rows, [])]
    if not header:
        raise DataError(f"{file} is empty: the first row of its first sheet must name the columns")
    return header


def _has_cell(row: list[Any]) -> bool:
    """Whether a row has a value; sheets often end with rows that have none."""
    return any(cell != "" for cell in row)


class ExcelPart:
    """Some rows of a sheet, by column, and their numbers."""

    def __init__(self, columns: dict[str, list[Any]], numbers: list[int]) -> None:
        self._columns = columns
        self._numbers = numbers

    def typed(self) -> pa.Table | None:
        """Return None: the cells have their types."""
        return None

    def read(self) -> FileRows:
        """Return the rows; what is refused is kept as text, because a column may mix types."""
        original = {}
        values = {}
        for name, cells in self._columns.items():
            original[name] = pa.array([_text(cell) for cell in cells], pa.string())
            values[name] = _column(cells)
        return FileRows(original=pa.table(original), values=pa.table(values))

    def take(self, rows: NDArray[np.int64]) -> tuple[pa.Table, list[int]]:
        """Return some rows and their numbers in the sheet."""
        numbers = [self._numbers[row] for row in rows.tolist()]
        return self.read().original.take(pa.array(rows)), numbers


def _column(cells: list[Any]) -> pa.Array:
    """Return cells of one type as they are, and others as text."""
    kinds = {type(cell) for cell in cells if cell != ""}
    values = [None if cell == "" else cell for cell in cells]
    if kinds and kinds <= {int, float}:
        return pa.array([None if cell is None else float(cell) for cell in values], pa.float64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds and kinds <= {date, datetime}:
        return pa.array([_moment(cell) for cell in values], pa.timestamp("us"))
    return pa.array([_text(cell) for cell in cells], pa.string())


def _moment(cell: date | datetime | None) -> datetime | None:
    if cell is None or isinstance(cell, datetime):
        return cell
    return datetime.combine(cell, time())


def _text(cell: Any) -> str | None:
    """Return a cell as text; a number that lost digits in the sheet becomes no valid id."""
    if cell == "":
        return None
    if isinstance(cell, bool | int | float):
        lost = not isinstance(cell, bool) and abs(cell) > EXACT
        return f"{cell!r}\0" if lost else category_text(cell)
    return cell.isoformat() if isinstance(cell, date | datetime) else str(cell)
