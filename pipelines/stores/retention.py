"""Deletes rows whose retention has passed."""

from datetime import date
from typing import Any

from pipelines.stores.database import Connection, queries

BATCH = 50_000  # rows that are deleted together


class RetentionStore:
    """The log and what was computed from it, as housekeeping sees them.

    Each call of a method deletes in transactions of its own, so the connection must be autocommit.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def logged(self) -> list[str]:
        """List the use cases with predictions in the log."""
        return self._names("logged_use_cases")

    def stored(self) -> list[str]:
        """List the use cases that have explanations, metrics, counts or imported rows.

        A name may come twice.
        """
        names = ("explained_use_cases", "measured_use_cases", "importing_use_cases")
        return [name for query in names for name in self._names(query)]

    def drop_partitions(self, before: date) -> int:
        """Drop the log's days before a date, of all use cases; return how many."""
        return self._value("drop_partitions", before=before)

    def delete_predictions(self, use_case: str, before: date) -> int:
        """Delete one use case's predictions before a date; return how many."""
        return self._in_batches("delete_predictions", use_case, before)

    def delete_explanations(self, use_case: str, before: date) -> int:
        """Delete the explanations of one use case's predictions before a date; return how many."""
        return self._in_batches("delete_explanations", use_case, before)

    def delete_history(self, use_case: str, before: date) -> int:
        """Delete history that was imported before a date, and notes of labels; return how many."""
        tables = ("delete_ingested_rows", "delete_ingested_labels")
        return sum(self._in_batches(query, use_case, before) for query in tables)

    def delete_metrics(self, use_case: str, before: date) -> int:
        """Delete one use case's metrics, counts and sums before a date; return how many rows."""
        tables = (
            "delete_metrics",
            "delete_feature_counts",
            "delete_score_counts",
            "delete_quality_counts",
            "delete_attributions",
        )
        return sum(self._value(query, use_case=use_case, before=before) for query in tables)

    def thin_metrics(self, before: date) -> int:
        """Keep the last drift check of each window before a date; return how many rows went."""
        return self._value("thin_metrics", before=before)

    def _in_batches(self, query: str, use_case: str, before: date) -> int:
        total = 0
        while deleted := self._value(query, use_case=use_case, before=before, most=BATCH):
            total += deleted
        return total

    def _value(self, query: str, **parameters: Any) -> int:
        return int(self._run(query, **parameters))

    def _names(self, query: str) -> list[str]:
        return [row["use_case"] for row in self._run(query)]

    def _run(self, query: str, **parameters: Any) -> Any:
        return getattr(queries("retention"), query)(self._connection, **parameters)
