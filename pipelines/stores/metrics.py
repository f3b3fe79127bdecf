"""`monitoring_metrics`: what drift checks find."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from pipelines.records import CheckTime, Metric
from pipelines.stores.database import Connection, queries


class MetricStore:
    """The figures of drift checks, and what the prediction log alone says of a window."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, use_case: str, metrics: Sequence[Metric], *, as_of: datetime) -> None:
        """Keep a check's figures in place of those it wrote before, in the caller's transaction.

        `as_of` is the moment for which the check was made.
        """
        for check_id in {metric.check_id for metric in metrics}:
            queries("monitoring").forget_check(
                self._connection, use_case=use_case, check_id=check_id
            )
        rows = [{"use_case": use_case, "as_of": as_of, **asdict(metric)} for metric in metrics]
        queries("monitoring").record_metric(self._connection, rows)

    def of_check(self, use_case: str, check_id: str) -> list[Metric]:
        """All figures of one check, newest window first."""
        return [
            Metric(**row)
            for row in queries("monitoring").metrics_of_check(
                self._connection, use_case=use_case, check_id=check_id
            )
        ]

    def history(self, use_case: str, *, training: bool) -> list[dict[str, Any]]:
        """A week of window_end, feature and excess, the PSI above what no drift shows: of each window's last check."""
        return list(
            queries("monitoring").psi_history(
                self._connection, use_case=use_case, training=training
            )
        )

    def days(self, use_case: str) -> list[dict[str, Any]]:
        """A month of day, f1 and estimated_f1, of all versions together; None where nothing is known."""
        return list(queries("monitoring").daily_f1(self._connection, use_case=use_case))

    def newest(self, use_case: str) -> CheckTime | None:
        """The check whose window ended last; of one window, the one made for the latest moment.

        A check whose clock was more than a step ahead of the database's is never the newest.
        """
        row = queries("monitoring").newest_check(self._connection, use_case=use_case)
        return CheckTime(**row) if row else None

    def is_ahead(self, as_of: datetime, step: timedelta) -> bool:
        """Whether a moment lies more than a step ahead of the database's clock."""
        return bool(queries("monitoring").is_ahead(self._connection, as_of=as_of, step=step))

    def latest(self, use_case: str) -> list[Metric]:
        """The figures of the newest check."""
        newest = self.newest(use_case)
        return self.of_check(use_case, newest.check_id) if newest else []
