"""Bulk reads as Arrow columns, for what is too many rows for Python objects."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg import sql

from pipelines.settings import Settings

Parameter = str | datetime
PIECE = 2**22  # bytes
NAN = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(np.array([np.nan]))])[0]


def each(settings: Settings, name: str, runs: Iterable[Sequence[Parameter]]) -> Iterator[pa.Table]:
    """The rows of one run after the other: the driver holds all rows of a query with parameters, so ask for parts."""
    from adbc_driver_postgresql import dbapi  # with pandas, which is slow to import

    with dbapi.connect(settings.database_url) as connection, connection.cursor() as cursor:
        for parameters in runs:
            cursor.execute(_text(settings, name), parameters)
            yield cursor.fetch_arrow_table()


def stream(settings: Settings, name: str, **given: str) -> Iterator[pa.RecordBatch]:
    """The rows of one run, piece by piece, in bounded memory; `given` replace the query's {names}, quoted by psycopg.

    As the driver streams queries without parameters only. By its plain interface, as the other one imports pandas, which
    takes longer than to count five minutes' rows; so would `pa.array` and `to_numpy`.
    """
    text = (
        sql.SQL(_text(settings, name))
        .format(**{key: sql.Literal(value) for key, value in given.items()})
        .as_string()
    )
    with (
        adbc_driver_postgresql.connect(settings.database_url) as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
        adbc_driver_manager.AdbcStatement(connection) as statement,
    ):
        statement.set_options(
            **{adbc_driver_postgresql.StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(PIECE)}
        )
        statement.set_sql_query(text)
        handle, _ = statement.execute_query()
        yield from pa.RecordBatchReader._import_from_c(handle.address)


def matrix(column: pa.Array | pa.ChunkedArray, width: int) -> NDArray[np.float64]:
    """A column of equally long lists as an (n, width) matrix, rows without a list left out; NULL becomes NaN."""
    parts = [
        part.flatten()
        for part in (column.chunks if isinstance(column, pa.ChunkedArray) else [column])
    ]
    if not parts:
        return np.empty((0, width))
    values = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
    values = values.cast(pa.float64())  # copies only what is something else
    return vector(values.fill_null(NAN) if values.null_count else values).reshape(-1, width)


def vector(column: pa.Array) -> NDArray[Any]:
    """A column of numbers without NULL (n,) as it lies in memory; not to be written to."""
    return np.from_dlpack(column)


def _text(settings: Settings, name: str) -> str:
    return (settings.root / "sql" / "bulk" / f"{name}.sql").read_text()
