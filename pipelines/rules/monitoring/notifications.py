"""Which notifications about an alert a target has not received yet."""

from dataclasses import dataclass

from pipelines.records import Alert

SEVERITIES = ["INSPECT", "WARNING", "ALERT", "SEVERE"]
RESOLVED = "RESOLVED"


@dataclass(frozen=True)
class Notification:
    """One notification of one target about an alert.

    `notified` is what the target knows afterwards: the worst severity, or that the alert is
    resolved.
    """

    alert_id: int
    target: str
    notified: str
    subject: str
    text: str


def pending_notification(alert: Alert, target: str) -> Notification | None:
    """Notify of an alert that opened, became worse or was resolved; None when the target knows.

    An alert that was resolved before the target was notified needs no notification, unless it was
    SEVERE: it may have started a retraining or a rollback.
    """
    last_notified = alert.notified.get(target)
    if alert.state == RESOLVED:
        return _of_resolved(alert, target, last_notified)
    if last_notified is None:
        return _notification(alert, target, alert.severity, "opened")
    if _is_worse(alert.severity, last_notified):
        event = f"escalated from {last_notified}"
        return _notification(alert, target, alert.severity, event)
    return None


def _of_resolved(alert: Alert, target: str, last_notified: str | None) -> Notification | None:
    if last_notified == RESOLVED:
        return None
    if last_notified is not None:
        return _notification(alert, target, RESOLVED, "is resolved")
    if alert.severity == SEVERITIES[-1]:
        return _notification(alert, target, RESOLVED, f"was {alert.severity} and is resolved")
    return None


def _is_worse(severity: str, last_notified: str) -> bool:
    if last_notified not in SEVERITIES:
        return False
    return SEVERITIES.index(severity) > SEVERITIES.index(last_notified)


def _notification(alert: Alert, target: str, notified: str, event: str) -> Notification:
    opened = f"{alert.opened_at:%Y-%m-%d %H:%M} UTC"
    lines = [alert.message]
    if notified == RESOLVED and alert.resolution:
        lines.append(f"Resolved: {alert.resolution}.")
    lines.append(f"Alert {alert.id}, opened {opened}.")
    return Notification(
        alert_id=alert.id,
        target=target,
        notified=notified,
        subject=f"[{notified}] {alert.use_case}: {alert.cause} {event}",
        text="\n".join(lines),
    )
