"""What people are notified of: an alert that opened, became worse, or was resolved and why."""

from dataclasses import replace

from pipelines.rules.monitoring.notifications import pending_notification
from tests.unit.pipelines.rules.monitoring.alerts import alert_about

REASON = "version 2 replaced version 1 (decision 4)"
ALERT = alert_about(1)
RESOLVED = replace(ALERT, state="RESOLVED", resolution=REASON, notified={"log": "SEVERE"})


def test_whoever_heard_of_an_alert_hears_why_it_was_resolved() -> None:
    notification = pending_notification(RESOLVED, "log")
    assert notification is not None
    assert notification.subject == "[RESOLVED] fraud: performance is resolved"
    assert notification.text.splitlines() == [
        "recall is low",
        f"Resolved: {REASON}.",
        "Alert 7, opened 2026-03-04 12:30 UTC.",
    ]


def test_an_alert_that_was_resolved_without_a_recorded_reason_is_notified_without_one() -> None:
    notification = pending_notification(replace(RESOLVED, resolution=None), "log")
    assert notification is not None
    assert "Resolved" not in notification.text


def test_an_open_alert_is_notified_once() -> None:
    opened = pending_notification(ALERT, "log")
    assert opened is not None
    assert opened.subject == "[SEVERE] fraud: performance opened"
    assert pending_notification(replace(ALERT, notified={"log": "SEVERE"}), "log") is None


def test_whoever_heard_of_the_end_hears_no_more() -> None:
    assert pending_notification(replace(RESOLVED, notified={"log": "RESOLVED"}), "log") is None
