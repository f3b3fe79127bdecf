"""Bulk reads as Arrow columns, for results with too many rows for Python objects."""

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
BATCH_BYTES = 2**22
# Built from a buffer, because `pa.array` imports pandas.
NAN = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(np.array([np.nan]))])[0]


def fetch_tables(
    settings: Settings, name: str, runs: Iterable[Sequence[Parameter]]
) -> Iterator[pa.Table]:
    """Run `sql/bulk/<name>.sql` once for each sequence of parameters; yield one table per run.

    The driver holds all rows of a query that has parameters in memory: split a large read into
    several runs.
    """
    from adbc_driver_postgresql import dbapi  # imports pandas, which is slow

    with dbapi.connect(settings.database_url) as connection, connection.cursor() as cursor:
        for parameters in runs:
            cursor.execute(_text(settings, name), parameters)
            yield cursor.fetch_arrow_table()


def stream(settings: Settings, name: str, **values: str) -> Iterator[pa.RecordBatch]:
    """Run `sql/bulk/<name>.sql` and yield its rows in batches, in bounded memory.

    `values` replace the {names} in the query; psycopg quotes them, because the driver streams only
    queries without parameters. This uses the driver's low-level interface: its DB-API module
    imports pandas, and that import takes longer than counting the rows of five minutes.
    """
    literals = {key: sql.Literal(value) for key, value in values.items()}
    text = sql.SQL(_text(settings, name)).format(**literals).as_string()
    batch_size = adbc_driver_postgresql.StatementOptions.BATCH_SIZE_HINT_BYTES.value
    with (
        adbc_driver_postgresql.connect(settings.database_url) as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
        adbc_driver_manager.AdbcStatement(connection) as statement,
    ):
        statement.set_options(**{batch_size: str(BATCH_BYTES)})
        statement.set_sql_query(text)
        handle, _ = statement.execute_query()
        yield from pa.RecordBatchReader._import_from_c(handle.address)


def matrix(column: pa.Array | pa.ChunkedArray, width: int) -> NDArray[np.float64]:
    """Convert a column of lists of `width` numbers to a matrix (n, width).

    Rows whose list is NULL are left out; a NULL inside a list becomes NaN.

    Arrow's compute functions are used only where they are needed: the first one imports them all,
    which takes 20 ms, a tenth of a drift check.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [_flatten(chunk) for chunk in chunks]
    if not parts:
        return np.empty((0, width))
    values = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
    if values.type != pa.float64():
        values = values.cast(pa.float64())
    if values.null_count:
        values = values.fill_null(NAN)
    return vector(values).reshape(-1, width)


def _flatten(lists: pa.ListArray) -> pa.Array:
    if lists.null_count:
        return lists.flatten()  # a compute function
    first = lists.offsets[0].as_py()
    last = lists.offsets[-1].as_py()
    return lists.values.slice(first, last - first)


def vector(column: pa.Array) -> NDArray[Any]:
    """View a column of numbers without NULL as an array (n,); do not write to it.

    `to_numpy` would import pandas.
    """
    return np.from_dlpack(column)


def _text(settings: Settings, name: str) -> str:
    return (settings.root / "sql" / "bulk" / f"{name}.sql").read_text()
