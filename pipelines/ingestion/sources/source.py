"""What the readers of formats have in common: a source has parts, and a part has rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class SetAside:
    """A line of a file that can't be read as a row; `number` is its line number."""

    number: int
    text: str
    reason: str


@dataclass(frozen=True)
class FileRows:
    """The rows of a part, with the contract's names of columns.

    `original` has the values as they are in the source, `values` as they are checked.
    """

    original: pa.Table
    values: pa.Table
    set_aside: tuple[SetAside, ...] = ()


class Part(Protocol):
    """A part of a source; its methods may run in any thread."""

    def typed(self) -> pa.Table | None:
        """Return the values with numbers parsed already; None when that is not possible.

        Whatever is accepted in this table must be accepted by `read().values`, as the same value.
        """

    def read(self) -> FileRows:
        """Return the rows of the part."""

    def take(self, rows: NDArray[np.int64]) -> tuple[pa.Table, list[int]]:
        """Return some rows (n,) as they are in the source, and their numbers.

        By its number, a person finds a row in the source.
        """


class Source(Protocol):
    """Labelled history in some format."""

    @property
    def name(self) -> str:
        """What messages call the source, such as the path of a file."""

    @property
    def kind(self) -> str:
        """What messages call its format, such as `Parquet file`."""

    @property
    def unit(self) -> str:
        """What the numbers of rows count: `line` or `row`."""

    def columns(self) -> list[str]:
        """Return the names of all columns. Raises DataError when the source is not readable."""

    def parts(self) -> Iterator[Part]:
        """Yield the parts in order. Raises DataError when the source is not readable."""


@dataclass(frozen=True)
class TablePart:
    """FileRows that are a table already; `first` is the number of its first row."""

    table: pa.Table
    first: int

    def typed(self) -> pa.Table | None:
        """Return None: the values have their types."""
        return None

    def read(self) -> FileRows:
        """Return the table."""
        return FileRows(original=self.table, values=self.table)

    def take(self, rows: NDArray[np.int64]) -> tuple[pa.Table, list[int]]:
        """Return some rows and their numbers."""
        return self.table.take(pa.array(rows)), (rows + self.first).tolist()
