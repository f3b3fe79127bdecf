"""`feature_rollups`, `monitoring_metrics` and `monitoring_alerts`: what drift checks count, find and say."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pipelines.records import Alert, Metric
from pipelines.stores.database import Connection, queries


class RollupStore:
    """Predictions counted into bins, with the watermark up to which they are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def span(self, use_case: str) -> tuple[str, str]:
        """Lock the watermark and return the transaction ids [from, to) whose predictions are new and complete."""
        monitoring = queries("monitoring")
        monitoring.open_watermark(self._connection, use_case=use_case)
        begin = monitoring.read_watermark(self._connection, use_case=use_case)
        return str(begin), str(monitoring.settled_xid(self._connection))

    def add(self, use_case: str, baseline: str, counts: Mapping[str, Sequence[Any]], *, watermark: str) -> None:
        """Add counts (columns versions, features, buckets, bins, counts) and move the watermark, in one transaction."""
        if len(counts["counts"]):
            queries("monitoring").add_counts(self._connection, use_case=use_case, baseline=baseline, **counts)
        queries("monitoring").move_watermark(self._connection, use_case=use_case, logged_xid=watermark)

    def read(self, use_case: str, baseline: str, window_start: datetime, window_end: datetime) -> list[dict[str, Any]]:
        """Rows of bucket, feature, bin, n in the window."""
        rows = queries("monitoring").read_counts(
            self._connection, use_case=use_case, baseline=baseline, window_start=window_start, window_end=window_end
        )
        return list(rows)


class MetricStore:
    """The figures of drift checks, and what the prediction log alone says of a window."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, use_case: str, metrics: Sequence[Metric]) -> None:
        """Keep figures; a repeated check writes the same ones again."""
        queries("monitoring").record_metric(self._connection, [{"use_case": use_case, **asdict(metric)} for metric in metrics])

    def proxies(self, use_case: str, window_start: datetime, window_end: datetime) -> list[dict[str, Any]]:
        """Per model version: n, positive_rate, score_mean, score_sd and score_entropy (bits) of a window's predictions."""
        rows = queries("monitoring").proxy_metrics(
            self._connection, use_case=use_case, window_start=window_start, window_end=window_end
        )
        return list(rows)

    def of_check(self, use_case: str, check_id: str) -> list[Metric]:
        """All figures of one check, newest window first."""
        return [
            Metric(**row)
            for row in queries("monitoring").metrics_of_check(self._connection, use_case=use_case, check_id=check_id)
        ]

    def latest(self, use_case: str) -> list[Metric]:
        """The figures of the newest check."""
        return [Metric(**row) for row in queries("monitoring").latest_metrics(self._connection, use_case=use_case)]


class AlertStore:
    """Alerts: one open per cause."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_(self, use_case: str, *, cause: str, severity: str, message: str, check_id: str | None = None) -> Alert:
        """Open an alert, or refresh the open one of the same cause."""
        row = queries("monitoring").raise_alert(
            self._connection, use_case=use_case, cause=cause, severity=severity, message=message, check_id=check_id
        )
        return Alert(**row)

    def resolve(self, use_case: str, cause: str) -> None:
        """Close the open alert of a cause, if there is one."""
        queries("monitoring").resolve_alert(self._connection, use_case=use_case, cause=cause)

    def get(self, alert_id: int) -> Alert:
        """One alert, as it is now."""
        return Alert(**queries("monitoring").get_alert(self._connection, alert_id=alert_id))

    def recent(self, use_case: str, *, limit: int = 20) -> list[Alert]:
        """The newest first."""
        return [Alert(**row) for row in queries("monitoring").list_alerts(self._connection, use_case=use_case, limit=limit)]
