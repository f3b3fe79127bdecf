"""`monitoring_alerts`: what a person should look at."""

from datetime import datetime, timedelta

from pipelines.errors import EvidenceError
from pipelines.records import Alert
from pipelines.rules.monitoring.notifications import SEVERITIES
from pipelines.stores.database import Connection, queries


class AlertStore:
    """Alerts: one open per cause."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_(
        self, use_case: str, *, cause: str, severity: str, message: str, check_id: str | None = None
    ) -> Alert:
        """Open an alert, or refresh the open one of the same cause."""
        row = queries("alerts").raise_alert(
            self._connection, use_case=use_case, cause=cause, severity=severity, message=message, check_id=check_id,
            severities=SEVERITIES,
        )  # fmt: skip
        return Alert(**row)

    def resolve(self, use_case: str, cause: str) -> None:
        """Close the open alert of a cause, if there is one."""
        queries("alerts").resolve_alert(self._connection, use_case=use_case, cause=cause)

    def acknowledge(self, use_case: str, alert_id: int, person: str, comment: str | None) -> Alert:
        """Note that a person knows; raises EvidenceError unless it is open."""
        row = queries("alerts").acknowledge_alert(
            self._connection, use_case=use_case, alert_id=alert_id, person=person, comment=comment
        )
        if row is None:
            known = ", ".join(str(alert.id) for alert in self.open(use_case)) or "none"
            raise EvidenceError(f"{use_case} has no open alert {alert_id}: open are {known}")
        return Alert(**row)

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
        """Let an alert wake a retraining, unless its cause did so less than the cooldown ago.

        When nothing was trained since, as for want of labels, it may try again after the window.
        """
        found = queries("alerts").wake(
            self._connection, alert_id=alert.id, run_id=run_id, as_of=as_of, trained_at=trained_at, cooldown=cooldown,
            window=window,
        )  # fmt: skip
        return found is not None

    def attach(self, use_case: str, check_id: str, report: str) -> None:
        """Link a report to the open alerts that a check raised and that have none."""
        queries("alerts").attach_report(
            self._connection, use_case=use_case, check_id=check_id, report=report
        )

    def untold(self, use_case: str) -> list[Alert]:
        """Alerts of which there may be news for somebody, in the order in which they opened."""
        return [
            Alert(**row) for row in queries("alerts").untold(self._connection, use_case=use_case)
        ]

    def note_told(self, use_case: str, alert_id: int, target: str, told: str) -> None:
        """Remember what a target was told: a severity, or RESOLVED."""
        queries("alerts").note_told(
            self._connection, use_case=use_case, alert_id=alert_id, target=target, told=told
        )

    def find(self, alert_id: int) -> Alert | None:
        """One alert, as it is now; None when there is no such alert."""
        row = queries("alerts").get_alert(self._connection, alert_id=min(alert_id, 2**63 - 1))
        return Alert(**row) if row else None

    def open(self, use_case: str) -> list[Alert]:
        """Those that are not resolved, the newest first."""
        return [
            Alert(**row)
            for row in queries("alerts").open_alerts(self._connection, use_case=use_case)
        ]

    def recent(self, use_case: str, *, limit: int = 20) -> list[Alert]:
        """The newest first."""
        return [
            Alert(**row)
            for row in queries("alerts").list_alerts(
                self._connection, use_case=use_case, limit=limit
            )
        ]
