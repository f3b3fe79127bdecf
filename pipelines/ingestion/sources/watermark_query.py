"""Reads the rows of a query that changed after a time.

The query is the team's own and names the time as `:watermark`, which is bound as a parameter.
PostgreSQL runs it in a read-only transaction, through a cursor on the server.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import psycopg.errors
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy
from psycopg.types.string import TextLoader
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pipelines.errors import DataError, SourceUnavailable
from pipelines.ingestion.sources.arrow_sources import batch_parts
from pipelines.ingestion.sources.query_source import (
    POSTGRESQL,
    batch_of,
    database_url,
    postgresql_settings,
    without_password,
)
from pipelines.ingestion.sources.source import TablePart
from pipelines.rules.ingestion.column_reading import RowReasons, read_times
from pipelines.rules.ingestion.row_checks import required
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.ingest_checks import WATERMARK

BATCH_ROWS = 20_000
CONNECT_SECONDS = 15
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Types that keep their type; every other type of PostgreSQL is read as text, without loss.
TYPES = {
    "bool": pa.bool_(),
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "float4": pa.float64(),
    "float8": pa.float64(),
}


class WatermarkQuery:
    """The rows of a query that changed after `since`.

    After the last part, `newest` is the time of the newest change; None without rows. A time after
    `now` counts as `now`, so that a clock that is fast does not hide the changes of others.
    """

    kind = "query"
    unit = "row"

    def __init__(
        self,
        query: str,
        url: URL,
        contract: Contract,
        *,
        watermark: str,
        since: datetime,
        now: datetime,
    ) -> None:
        self.name = f"the query on {url.render_as_string(hide_password=True)}"
        self.newest: datetime | None = None
        self._query = query
        self._url = url
        self._contract = contract
        self._watermark = watermark
        self._since = since
        self._now = now

    def parts(self) -> Iterator[TablePart]:
        """Yield batches of rows.

        Raises SourceUnavailable when the database does not answer, and DataError when the query
        fails or does not return the columns. No message has the password.
        """
        is_postgresql = self._url.get_backend_name() in POSTGRESQL
        read = self._postgresql if is_postgresql else self._other
        with self._described():
            names, batches = read()
            place = self._place_of_watermark(names)
            seen = (self._noted(batch, place) for batch in batches)
            yield from batch_parts(names, seen, self._contract)

    def _place_of_watermark(self, names: Sequence[str]) -> int:
        if self._watermark not in names:
            raise DataError(
                f"{self.name} does not return the watermark column {self._watermark!r}: select it, "
                f"or correct `watermark`; it returns {', '.join(names)}"
            )
        return names.index(self._watermark)

    def _noted(self, batch: pa.RecordBatch, place: int) -> pa.RecordBatch:
        """Note the newest change of a batch; `place` is that of the watermark column."""
        if not len(batch):
            return batch
        column = pa.chunked_array([batch.column(place)])
        times = read_times(column, self._watermark, RowReasons(len(batch)), now=self._now)
        if times.null_count == len(batch):
            example = column[0].as_py()
            raise DataError(
                f"{self.name}: the watermark column {self._watermark!r} has no times, such as "
                f"{example!r}: name a column with the time of the last change of a row"
            )
        newest: datetime = pc.max(times).as_py()
        newest = min(newest, self._now)
        self.newest = newest if self.newest is None else max(self.newest, newest)
        return batch

    def _postgresql(self) -> tuple[list[str], Iterator[pa.RecordBatch]]:
        text = WATERMARK.sub("%(watermark)s", self._query.replace("%", "%%"))
        rows = self._cursor(text)
        names, types = next(rows)
        schema = pa.schema([(str(place), type_) for place, type_ in enumerate(types)])

        def batches() -> Iterator[pa.RecordBatch]:
            for fetched in rows:
                columns = [
                    pa.array([row[place] for row in fetched], type_)
                    for place, type_ in enumerate(types)
                ]
                batch = pa.RecordBatch.from_arrays(columns, schema=schema)
                yield batch.rename_columns(names)

        return names, batches()

    def _cursor(self, text: str) -> Iterator[Any]:
        """Yield the names and types of the columns, then lists of rows."""
        settings = postgresql_settings(self._url) | {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "sixgate ingest",
        }
        with psycopg.connect(**settings) as connection:
            connection.read_only = True
            # Times without a zone are UTC; times are sent as text.
            connection.execute("SET TIME ZONE 'UTC'; SET DateStyle = 'ISO'")
            kept = _load_as_text(connection)
            with connection.cursor(name="sixgate_ingest") as cursor:
                cursor.execute(text.encode(), {"watermark": self._since})
                columns = cursor.description or []
                types = [kept.get(column.type_code, pa.string()) for column in columns]
                yield [column.name for column in columns], types
                while rows := cursor.fetchmany(BATCH_ROWS):
                    yield rows

    def _other(self) -> tuple[list[str], Iterator[pa.RecordBatch]]:
        """Read from another database; its time is bound as the driver takes it, in UTC."""
        since: datetime | str = self._since.replace(tzinfo=None)
        if self._url.get_backend_name() == "sqlite":
            since = f"{since:%Y-%m-%d %H:%M:%S.%f}"
        escaped = WATERMARK.sub("\0", self._query).replace(":", "\\:").replace("\0", ":watermark")
        rows = self._partitions(escaped, since)
        names = next(rows)
        return names, (batch_of(fetched, names) for fetched in rows)

    def _partitions(self, text: str, since: datetime | str) -> Iterator[Any]:
        """Yield the names of the columns, then lists of rows."""
        engine = sqlalchemy.create_engine(self._url)
        try:
            with self._connected(engine) as connection:
                result = connection.execute(sqlalchemy.text(text), {"watermark": since})
                yield list(result.keys())
                yield from result.partitions(BATCH_ROWS)
        finally:
            engine.dispose()

    def _connected(self, engine: sqlalchemy.Engine) -> sqlalchemy.Connection:
        try:
            return engine.connect().execution_options(stream_results=True)
        except SQLAlchemyError as error:
            raise SourceUnavailable(self._unavailable(error)) from None

    @contextmanager
    def _described(self) -> Iterator[None]:
        """Raise our own errors in place of those of a driver, whose texts may hold the password."""
        try:
            yield
        except psycopg.OperationalError as error:
            raise SourceUnavailable(self._unavailable(error)) from None
        except psycopg.Error as error:
            raise DataError(self._failed(error)) from None
        except DBAPIError as error:
            if error.connection_invalidated:
                raise SourceUnavailable(self._unavailable(error)) from None
            raise DataError(self._failed(error)) from None
        except SQLAlchemyError as error:
            raise DataError(self._failed(error)) from None

    def _unavailable(self, error: Exception) -> str:
        return (
            f"{self.name} can't be read: {self._text(error)}; nothing was imported, and the next "
            "attempt reads the same rows: check the connection and the database"
        )

    def _failed(self, error: Exception) -> str:
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            return f"{self.name} writes: {self._text(error)}; it must only read"
        text = self._text(error)
        message = f"{self.name} failed: {text}"
        if "column" not in text.lower():
            return message
        needed = [self._contract.transaction_id, *required(self._contract), self._watermark]
        return f"{message}; the columns that it must return are {', '.join(dict.fromkeys(needed))}"

    def _text(self, error: Exception) -> str:
        original = getattr(error, "orig", None) or error
        message = str(original)
        if isinstance(original, psycopg.Error) and original.diag.message_primary:
            message = f"{original.diag.message_primary} {original.diag.message_hint or ''}"
        return without_password(" ".join(str(message).split()), self._url)


def open_watermark_query(
    query: str,
    connection: str,
    contract: Contract,
    *,
    watermark: str,
    since: datetime,
    now: datetime,
) -> WatermarkQuery:
    """Return the source of a query on a URL or an Airflow connection.

    Raises ParameterError when the connection is missing or not usable.
    """
    return WatermarkQuery(
        query.strip().rstrip(";"),
        database_url(connection),
        contract,
        watermark=watermark,
        since=since,
        now=now,
    )


def _load_as_text(connection: psycopg.Connection[Any]) -> dict[int, pa.DataType]:
    """Let every type but those of `TYPES` be read as text; return the others by their number."""
    kept = {}
    for info in connection.adapters.types:
        if info.name in TYPES:
            kept[info.oid] = TYPES[info.name]
        else:
            connection.adapters.register_loader(info.oid, TextLoader)
        connection.adapters.register_loader(info.array_oid, TextLoader)
    return kept
