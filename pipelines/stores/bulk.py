"""Bulk reads as Arrow columns, for what is too many rows for Python objects."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import adbc_driver_postgresql.dbapi
import numpy as np
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from numpy.typing import NDArray

from pipelines.settings import Settings

Parameter = str | datetime
PIECE = 2**22  # bytes


def each(settings: Settings, name: str, runs: Iterable[Sequence[Parameter]]) -> Iterator[pa.Table]:
    """The rows of one run after the other: the driver holds all rows of a query with parameters, so ask for parts."""
    text = (settings.root / "sql" / "bulk" / f"{name}.sql").read_text()
    with adbc_driver_postgresql.dbapi.connect(settings.database_url) as connection, connection.cursor() as cursor:
        for parameters in runs:
            cursor.execute(text, parameters)
            yield cursor.fetch_arrow_table()


def stream(settings: Settings, name: str, **given: str) -> Iterator[pa.RecordBatch]:
    """The rows of one run, piece by piece, in bounded memory: `given` are what the query finds as settings of the session."""
    text = (settings.root / "sql" / "bulk" / f"{name}.sql").read_text()
    with adbc_driver_postgresql.dbapi.connect(settings.database_url) as connection, connection.cursor() as cursor:
        for key, value in given.items():
            cursor.execute("SELECT set_config($1, $2, true)", (f"sixgate.{key}", value))
            cursor.fetchone()
        cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(PIECE)})
        cursor.execute(text)
        yield from cursor.fetch_record_batch()


def matrix(column: pa.Array | pa.ChunkedArray, width: int) -> NDArray[np.float64]:
    """A column of equally long lists as an (n, width) matrix, rows without a list left out; NULL becomes NaN."""
    parts = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    values: Any = pa.concat_arrays([part.flatten() for part in parts]) if parts else pa.array([], pa.float64())
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64).reshape(-1, width)
