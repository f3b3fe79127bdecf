"""What the readers of files of rows have in common."""

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from pipelines.ingestion.sources.source import Part


class RowsPart(Part, Protocol):
    """Some rows of a file. Its methods as a `Part` give the columns of the contract only."""

    def everything(self) -> pa.Table:
        """Return all columns as they are in the file, with the file's names."""

    def lines(self) -> pa.StringArray | None:
        """Return the row of a CSV file as text, without line ends; None in another format."""


class RowsFile(Protocol):
    """A file of rows to score.

    `delimiter` is the one of a CSV file, and `newline` what ends its lines; they are '' in another
    format.
    """

    @property
    def name(self) -> str:
        """The path of the file, for messages."""

    @property
    def kind(self) -> str:
        """What messages call its format, such as `Parquet file`."""

    @property
    def unit(self) -> str:
        """What the numbers of rows count: `line` or `row`."""

    @property
    def delimiter(self) -> str:
        """The character between the columns of a CSV file."""

    @property
    def newline(self) -> str:
        """What ends a line of a CSV file."""

    @property
    def schema(self) -> pa.Schema:
        """All columns, in order."""

    def parts(self) -> Iterator[RowsPart]:
        """Yield the parts in order. Raises DataError when the file is not readable."""
