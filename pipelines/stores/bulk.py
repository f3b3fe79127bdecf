"""Bulk reads as Arrow columns, for what is too many rows for Python objects."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import adbc_driver_postgresql.dbapi
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.settings import Settings

Parameter = str | datetime


def read(settings: Settings, name: str, *parameters: Parameter) -> pa.Table:
    """Run `sql/bulk/<name>.sql` with its numbered parameters."""
    return pa.concat_tables(each(settings, name, [parameters]))


def each(settings: Settings, name: str, runs: Iterable[Sequence[Parameter]]) -> Iterator[pa.Table]:
    """The rows of one run after the other: the driver holds all rows of a query with parameters, so ask for parts."""
    text = (settings.root / "sql" / "bulk" / f"{name}.sql").read_text()
    with adbc_driver_postgresql.dbapi.connect(settings.database_url) as connection, connection.cursor() as cursor:
        for parameters in runs:
            cursor.execute(text, parameters)
            yield cursor.fetch_arrow_table()


def matrix(column: pa.ChunkedArray, width: int) -> NDArray[np.float64]:
    """A column of equally long lists as an (n, width) matrix; NULL becomes NaN."""
    values: Any = (
        pa.concat_arrays([chunk.flatten() for chunk in column.chunks]) if column.num_chunks else pa.array([], pa.float64())
    )
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64).reshape(-1, width)
