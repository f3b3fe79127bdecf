"""What somebody has not been told of an alert yet."""

from dataclasses import dataclass

from pipelines.records import Alert

SEVERITIES = ["INSPECT", "WARNING", "ALERT", "SEVERE"]
RESOLVED = "RESOLVED"


@dataclass(frozen=True)
class News:
    """What to tell whom of an alert; `told` is what they know afterwards: the worst severity, or that it is over."""

    alert_id: int
    target: str
    told: str
    subject: str
    text: str


def news(alert: Alert, target: str) -> News | None:
    """An alert that opened, became worse than was told, or is over; None when there is nothing new.

    One that is over before anybody was told is no news, unless it was SEVERE: somebody may have been woken by it.
    """
    before = alert.told.get(target)
    if alert.state == RESOLVED:
        if before == RESOLVED or (before is None and alert.severity != SEVERITIES[-1]):
            return None
        return _told(
            alert, target, RESOLVED, "is over" if before else f"was {alert.severity} and is over"
        )
    if before is None:
        return _told(alert, target, alert.severity, "opened")
    if before in SEVERITIES and SEVERITIES.index(alert.severity) > SEVERITIES.index(before):
        return _told(alert, target, alert.severity, f"became worse, it was {before}")
    return None


def _told(alert: Alert, target: str, told: str, what: str) -> News:
    subject = f"[{told}] {alert.use_case}: {alert.cause} {what}"
    return News(
        alert.id,
        target,
        told,
        subject,
        f"{alert.message}\nAlert {alert.id}, opened {alert.opened_at:%Y-%m-%d %H:%M} UTC.",
    )
