"""Reads the rows of a SQL query in batches.

The query is that of the person who has the credentials: it runs as it is written.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from pipelines.errors import DataError, ParameterError
from pipelines.ingestion.sources.airflow_connection import connection_url
from pipelines.ingestion.sources.arrow_sources import BATCH_ROWS, batch_parts
from pipelines.ingestion.sources.source import TablePart
from pipelines.rules.use_case.contract import Contract

BATCH_BYTES = 2**24
Result = tuple[list[str], Iterator[pa.RecordBatch]]  # names of columns, and rows
POSTGRESQL = ("postgresql", "postgres")


class QuerySource:
    """The rows of a query; PostgreSQL sends them as Arrow columns."""

    kind = "query"
    unit = "row"

    def __init__(self, query: str, url: URL, contract: Contract) -> None:
        self.name = f"the query on {url.render_as_string(hide_password=True)}"
        self._query = query
        self._url = url
        self._contract = contract

    def columns(self) -> list[str]:
        """Return the names of the result's columns. Raises DataError as `parts` does."""
        with self._result() as (names, _):
            return names

    def parts(self) -> Iterator[TablePart]:
        """Yield batches of rows. Raises DataError, without the password, when the query fails."""
        with self._result() as (names, batches):
            yield from batch_parts(names, batches, self._contract)

    @contextmanager
    def _result(self) -> Iterator[Result]:
        is_postgresql = self._url.get_backend_name() in POSTGRESQL
        run = _run_on_postgresql if is_postgresql else _run_elsewhere
        try:
            with run(self._query, self._url) as result:
                yield result
        except DataError:
            raise
        except Exception as error:
            if not _is_of_database(error):
                raise
            message = " ".join(str(getattr(error, "orig", None) or error).split())
            raise DataError(f"{self.name} failed: {without_password(message, self._url)}") from None


def open_query(query: str, connection: str, contract: Contract) -> QuerySource:
    """Return the source of a query on a URL or an Airflow connection.

    Raises ParameterError when the connection is missing or not usable.
    """
    return QuerySource(query.strip().rstrip(";"), database_url(connection), contract)


def database_url(connection: str) -> URL:
    """Return the URL of a database, given as a URL or as the id of an Airflow connection.

    Raises ParameterError when the connection is missing or not usable.
    """
    if not connection:
        raise ParameterError(
            "--query needs a database: name a URL or an Airflow connection with --connection, or "
            "set SIXGATE_INGEST_CONNECTION"
        )
    text = connection if "://" in connection else connection_url(connection)
    try:
        url = make_url(text)
    except SQLAlchemyError:
        raise ParameterError(
            "--connection is not a URL: write it as postgresql://user:password@host:5432/database"
        ) from None
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    return url


def postgresql_settings(url: URL) -> dict[str, Any]:
    """Return the settings of a connection as libpq names them.

    SQLAlchemy writes a URL with spaces as they are, which libpq refuses.
    """
    dialect = url.set(drivername="postgresql+psycopg").get_dialect()()
    _, settings = dialect.create_connect_args(url)
    return dict(settings)


@contextmanager
def _run_on_postgresql(query: str, url: URL) -> Iterator[Result]:
    """Stream through the driver's low-level interface, which does not import pandas."""
    import adbc_driver_manager
    import adbc_driver_postgresql

    size = adbc_driver_postgresql.StatementOptions.BATCH_SIZE_HINT_BYTES.value
    address = make_conninfo(**postgresql_settings(url))
    with (
        adbc_driver_postgresql.connect(address) as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
        adbc_driver_manager.AdbcStatement(connection) as statement,
    ):
        statement.set_options(**{size: str(BATCH_BYTES)})
        statement.set_sql_query(query)
        handle, _ = statement.execute_query()
        reader = pa.RecordBatchReader._import_from_c(handle.address)
        batches = (_without_extensions(batch) for batch in reader)
        yield list(reader.schema.names), batches


def _without_extensions(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return columns of types that Arrow does not have, such as numeric, as the text they are."""
    columns = []
    for column in batch.columns:
        is_extension = isinstance(column, pa.ExtensionArray)
        columns.append(column.storage if is_extension else column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


@contextmanager
def _run_elsewhere(query: str, url: URL) -> Iterator[Result]:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect().execution_options(stream_results=True) as connection:
            result = connection.execute(sqlalchemy.text(query.replace(":", "\\:")))
            names = list(result.keys())
            batches = (batch_of(rows, names) for rows in result.partitions(BATCH_ROWS))
            yield names, batches
    finally:
        engine.dispose()


def batch_of(rows: Sequence[Sequence[Any]], names: list[str]) -> pa.RecordBatch:
    """Return rows as columns; a column that mixes types is text."""
    columns = [_column([row[place] for row in rows]) for place in range(len(names))]
    return pa.RecordBatch.from_arrays(columns, names=names)


def _column(values: list[Any]) -> pa.Array:
    """Return values as Arrow takes them; a column that mixes types is text."""
    try:
        return pa.array(values)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _is_of_database(error: Exception) -> bool:
    """Whether a driver raised it; the driver of PostgreSQL is imported only when it is used."""
    return isinstance(error, SQLAlchemyError) or type(error).__module__.startswith("adbc_driver")


def without_password(message: str, url: URL) -> str:
    """Return a message of a driver with stars in place of the password."""
    password = str(url.password or "")
    if not password:
        return message
    # As it is, as a URL needs it, and as SQLAlchemy writes it in a URL.
    for spelling in (password, quote(password, safe=""), quote(password, safe=" +")):
        message = message.replace(spelling, "***")
    return message
