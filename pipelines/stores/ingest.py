"""What the ingest DAG imported: rows of history, labels, files, and how far it read each source."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.rules.use_case.contract import Contract
from pipelines.stores.database import Connection, queries

if TYPE_CHECKING:  # a retraining only asks whether there are rows, and must start quickly
    import pyarrow as pa

COPY_ROWS = (
    "COPY staged_rows (transaction_id, entity_key, event_time, label, features)"
    " FROM STDIN WITH (FORMAT csv)"
)
COPY_LABELS = "COPY staged_labels (transaction_id, labelled_at, label) FROM STDIN WITH (FORMAT csv)"
Counts = dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ImportedFile:
    """A version of a file that was imported.

    `digest` is the SHA-256 of its content; `rows` of it conform to the contract.
    """

    name: str
    digest: str
    size: int
    modified_at: datetime
    rows: int


class IngestStore:
    """The imports of all use cases. A source is `history` or `labels`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def exclusive(self, use_case: str, source: str) -> Iterator[None]:
        """Wait until no other process imports this source, and keep others waiting meanwhile."""
        queries("ingest").lock_source(self._connection, use_case=use_case, source=source)
        try:
            yield
        finally:
            if not self._connection.closed:
                queries("ingest").unlock_source(self._connection, use_case=use_case, source=source)

    def watermark(self, use_case: str, source: str) -> datetime | None:
        """Return the time of the newest change that was read; None before the first import."""
        found: datetime | None = queries("ingest").get_watermark(
            self._connection, use_case=use_case, source=source
        )
        return found

    def move_watermark(self, use_case: str, source: str, watermark: datetime) -> None:
        """Move the watermark of a source forward; it never moves back."""
        queries("ingest").move_watermark(
            self._connection, use_case=use_case, source=source, watermark=watermark
        )

    def files(self, use_case: str, source: str) -> list[ImportedFile]:
        """List the versions of files that were imported."""
        rows = queries("ingest").imported_files(self._connection, use_case=use_case, source=source)
        return [ImportedFile(**row) for row in rows]

    def record_file(self, use_case: str, source: str, file: ImportedFile) -> None:
        """Record that a file was imported, or that it was written again with the same content."""
        queries("ingest").record_file(
            self._connection,
            use_case=use_case,
            source=source,
            name=file.name,
            digest=file.digest,
            size=file.size,
            modified_at=file.modified_at,
            rows=file.rows,
        )

    def has_rows(self, use_case: str) -> bool:
        """Whether any history was imported."""
        return bool(queries("ingest").has_rows(self._connection, use_case=use_case))

    def write_rows(self, contract: Contract, rows: "pa.Table") -> Counts:
        """Store rows of history in the caller's transaction; the columns are those of a snapshot.

        Returns how many were new, changed or repeated. `rows` has a transaction id once at most.
        """
        queries("ingest").stage_rows(self._connection)
        columns = [rows[name] for name in ("transaction_id", "entity_key", "event_time", "label")]
        features = array_literals([rows[name] for name in contract.raw])
        self._copy(COPY_ROWS, [*columns, features])
        counts: Counts = queries("ingest").move_staged_rows(
            self._connection, use_case=contract.use_case, contract_hash=contract.hash
        )
        return counts

    def record_labels(self, use_case: str, labels: "pa.Table", *, source: str) -> Counts:
        """Store labels in the caller's transaction; `event_time` is the time of the finding.

        Returns how many were accepted, corrected or duplicate, as the route counts them, outdated,
        or repeated from an earlier import.
        """
        queries("ingest").stage_labels(self._connection)
        columns = [labels[name] for name in ("transaction_id", "event_time", "label")]
        self._copy(COPY_LABELS, columns)
        counts: Counts = queries("ingest").move_staged_labels(
            self._connection, use_case=use_case, source=source
        )
        return counts

    def without_prediction(self, use_case: str, ids: Sequence[str]) -> int:
        """Count the transaction ids that no prediction has."""
        rows = queries("quality").logged_ids(self._connection, use_case=use_case, ids=list(ids))
        return len(ids) - len({row["id"] for row in rows})

    def _copy(self, statement: str, columns: list[Any]) -> None:
        import pyarrow as pa
        import pyarrow.csv

        names = [str(place) for place in range(len(columns))]
        content = pa.BufferOutputStream()
        options = pyarrow.csv.WriteOptions(include_header=False)
        pyarrow.csv.write_csv(pa.table(columns, names=names), content, options)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(content.getvalue().to_pybytes())


def array_literals(columns: "Sequence[pa.ChunkedArray]") -> "pa.ChunkedArray":
    """Return numbers (n,) of each column as arrays of PostgreSQL, such as `{1.5,NULL}`."""
    import pyarrow.compute as pc

    texts = [_number_texts(column) for column in columns]
    joined = pc.binary_join_element_wise(*texts, ",")
    return pc.binary_join_element_wise("{", joined, "}", "")


def _number_texts(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Return numbers as the shortest text that gives them back; missing ones are NULL."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_missing = pc.is_null(column, nan_is_null=True)
    return pc.if_else(is_missing, "NULL", pc.cast(column, pa.string()))
