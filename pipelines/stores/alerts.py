"""Alerts, stored in `monitoring_alerts`."""

from datetime import datetime, timedelta
from typing import Any

from pipelines.errors import EvidenceError
from pipelines.records import Alert
from pipelines.rules.monitoring.notifications import SEVERITIES
from pipelines.stores.database import Connection, queries

MAX_BIGINT = 2**63 - 1


class AlertStore:
    """The alerts of all use cases; at most one alert is open per use case and cause."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_(
        self,
        use_case: str,
        *,
        cause: str,
        severity: str,
        message: str,
        check_id: str | None = None,
        model_version: int | None = None,
    ) -> Alert:
        """Open an alert, or update the open one of the same cause.

        An alert about a `model_version` is resolved when another version replaces it.
        """
        row = queries("alerts").raise_alert(
            self._connection,
            use_case=use_case,
            cause=cause,
            severity=severity,
            message=message,
            check_id=check_id,
            model_version=model_version,
            severities=SEVERITIES,
        )
        return _alert(row)

    def resolve(self, use_case: str, cause: str, reason: str) -> None:
        """Resolve the open alert of a cause, if there is one, for a reason."""
        queries("alerts").resolve_alert(
            self._connection, use_case=use_case, cause=cause, reason=reason
        )

    def resolve_replaced(self, alert: Alert, reason: str) -> None:
        """Resolve an alert about a model that was replaced, unless it is resolved already."""
        queries("alerts").resolve_replaced_alert(
            self._connection, alert_id=alert.id, model_version=alert.model_version, reason=reason
        )

    def acknowledge(self, use_case: str, alert_id: int, person: str, comment: str | None) -> Alert:
        """Acknowledge an alert for a person; raises EvidenceError unless it is open."""
        row = queries("alerts").acknowledge_alert(
            self._connection,
            use_case=use_case,
            alert_id=min(alert_id, MAX_BIGINT),
            person=person,
            comment=comment,
        )
        if row is None:
            open_ids = ", ".join(str(alert.id) for alert in self.open(use_case)) or "none"
            raise EvidenceError(f"{use_case} has no open alert {alert_id}; open alerts: {open_ids}")
        return _alert(row)

    def wake(
        self,
        alert: Alert,
        run_id: str,
        as_of: datetime,
        *,
        trained_at: datetime | None,
        cooldown: timedelta,
        window: timedelta,
    ) -> bool:
        """Record that an alert starts a retraining; False when its cause did within `cooldown`.

        If no model was trained since, for example because labels were missing, the wait is
        `window` when that is shorter than `cooldown`.
        """
        alert_id = queries("alerts").wake(
            self._connection,
            alert_id=alert.id,
            run_id=run_id,
            as_of=as_of,
            trained_at=trained_at,
            cooldown=cooldown,
            window=window,
        )
        return alert_id is not None

    def attach(self, use_case: str, check_id: str, report: str) -> None:
        """Link a report to the open alerts that a drift check raised and that have no report."""
        queries("alerts").attach_report(
            self._connection, use_case=use_case, check_id=check_id, report=report
        )

    def awaiting_notification(self, use_case: str) -> list[Alert]:
        """List alerts that may need a notification, in the order in which they opened."""
        rows = queries("alerts").awaiting_notification(self._connection, use_case=use_case)
        return [_alert(row) for row in rows]

    def record_notification(self, use_case: str, alert_id: int, target: str, notified: str) -> None:
        """Record what a target was notified of: a severity, or RESOLVED."""
        queries("alerts").record_notification(
            self._connection, use_case=use_case, alert_id=alert_id, target=target, notified=notified
        )

    def find(self, alert_id: int) -> Alert | None:
        """Return an alert by its id; None when there is none."""
        row = queries("alerts").get_alert(self._connection, alert_id=min(alert_id, MAX_BIGINT))
        return _alert(row) if row else None

    def open(self, use_case: str) -> list[Alert]:
        """List alerts that are not resolved, newest first."""
        rows = queries("alerts").open_alerts(self._connection, use_case=use_case)
        return [_alert(row) for row in rows]

    def recent(self, use_case: str, *, limit: int = 20) -> list[Alert]:
        """List the newest alerts, newest first."""
        rows = queries("alerts").list_alerts(self._connection, use_case=use_case, limit=limit)
        return [_alert(row) for row in rows]


def _alert(row: dict[str, Any]) -> Alert:
    """The alert of a row, whose column `told` has what each target was notified of."""
    columns = dict(row)
    notified = columns.pop("told")
    return Alert(**columns, notified=notified)
