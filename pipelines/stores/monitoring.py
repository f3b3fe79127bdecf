"""`monitoring_metrics`: what drift checks find."""

from collections.abc import Sequence
from dataclasses import asdict

from pipelines.records import Metric
from pipelines.stores.database import Connection, queries


class MetricStore:
    """The figures of drift checks, and what the prediction log alone says of a window."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, use_case: str, metrics: Sequence[Metric]) -> None:
        """Keep figures; a repeated check writes the same ones again."""
        queries("monitoring").record_metric(self._connection, [{"use_case": use_case, **asdict(metric)} for metric in metrics])

    def of_check(self, use_case: str, check_id: str) -> list[Metric]:
        """All figures of one check, newest window first."""
        return [
            Metric(**row)
            for row in queries("monitoring").metrics_of_check(self._connection, use_case=use_case, check_id=check_id)
        ]

    def latest(self, use_case: str) -> list[Metric]:
        """The figures of the newest check."""
        return [Metric(**row) for row in queries("monitoring").latest_metrics(self._connection, use_case=use_case)]
