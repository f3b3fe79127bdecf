"""`monitoring_metrics`: what drift checks find."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pipelines.records import Metric
from pipelines.stores.database import Connection, queries


class MetricStore:
    """The figures of drift checks, and what the prediction log alone says of a window."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, use_case: str, metrics: Sequence[Metric]) -> None:
        """Keep a check's figures in place of those it wrote before, in the caller's transaction."""
        for check_id in {metric.check_id for metric in metrics}:
            queries("monitoring").forget_check(self._connection, use_case=use_case, check_id=check_id)
        queries("monitoring").record_metric(self._connection, [{"use_case": use_case, **asdict(metric)} for metric in metrics])

    def of_check(self, use_case: str, check_id: str) -> list[Metric]:
        """All figures of one check, newest window first."""
        return [
            Metric(**row)
            for row in queries("monitoring").metrics_of_check(self._connection, use_case=use_case, check_id=check_id)
        ]

    def history(self, use_case: str, *, training: bool) -> list[dict[str, Any]]:
        """A week of window_end, feature and excess, the PSI above what no drift shows: of each window's last check."""
        return list(queries("monitoring").psi_history(self._connection, use_case=use_case, training=training))

    def days(self, use_case: str) -> list[dict[str, Any]]:
        """A month of day, f1 and estimated_f1, of all versions together; None where nothing is known."""
        return list(queries("monitoring").daily_f1(self._connection, use_case=use_case))

    def newer(self, use_case: str, window_end: datetime) -> bool:
        """Whether a check of a later window was made already."""
        return bool(queries("monitoring").newer_check(self._connection, use_case=use_case, window_end=window_end))

    def latest(self, use_case: str) -> list[Metric]:
        """The figures of the newest check."""
        return [Metric(**row) for row in queries("monitoring").latest_metrics(self._connection, use_case=use_case)]
