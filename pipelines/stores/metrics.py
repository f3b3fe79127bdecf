"""Metrics of drift checks, stored in `monitoring_metrics`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from pipelines.records import CheckTime, Metric
from pipelines.stores.database import Connection, queries


class MetricStore:
    """The metrics of drift checks, and daily performance from the prediction log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, use_case: str, metrics: Sequence[Metric], *, as_of: datetime) -> None:
        """Store metrics in place of those that their checks stored before.

        Runs in the caller's transaction. `as_of` is the time that the check was made for.
        """
        for check_id in {metric.check_id for metric in metrics}:
            queries("monitoring").forget_check(
                self._connection, use_case=use_case, check_id=check_id
            )
        rows = [{"use_case": use_case, "as_of": as_of, **asdict(metric)} for metric in metrics]
        queries("monitoring").record_metric(self._connection, rows)

    def of_check(self, use_case: str, check_id: str) -> list[Metric]:
        """List the metrics of a drift check, newest window first."""
        rows = queries("monitoring").metrics_of_check(
            self._connection, use_case=use_case, check_id=check_id
        )
        return [Metric(**row) for row in rows]

    def history(self, use_case: str, *, metric: str, training: bool) -> list[dict[str, Any]]:
        """Return a week of window_end, feature and excess, from the last check of each window.

        The excess is the metric's value less the value expected without drift. With `training` it
        is relative to the champion's evaluation data where that was measured, else to the baseline.
        """
        rows = queries("monitoring").excess_history(
            self._connection, use_case=use_case, metric=metric, training=training
        )
        return list(rows)

    def days(self, use_case: str) -> list[dict[str, Any]]:
        """Return a month of day, f1 and estimated_f1 over all versions; unknown values are None."""
        return list(queries("monitoring").daily_f1(self._connection, use_case=use_case))

    def newest(self, use_case: str) -> CheckTime | None:
        """Return the check whose window ends last; of several, the one made for the latest time.

        A check whose clock was more than a bucket ahead of the database's is left out.
        """
        row = queries("monitoring").newest_check(self._connection, use_case=use_case)
        return CheckTime(**row) if row else None

    def is_ahead(self, as_of: datetime, step: timedelta) -> bool:
        """Return whether a time is more than `step` ahead of the database's clock."""
        return bool(queries("monitoring").is_ahead(self._connection, as_of=as_of, step=step))

    def latest(self, use_case: str) -> list[Metric]:
        """List the metrics of the newest check."""
        newest = self.newest(use_case)
        return self.of_check(use_case, newest.check_id) if newest else []
