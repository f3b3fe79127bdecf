"""Return the pending notifications about alerts, and record those that were sent."""

from dataclasses import asdict
from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.rules.monitoring.notifications import pending_notification
from pipelines.steps.monitoring.newest_check import require_newest


def run(context: Context) -> dict[str, Any]:
    """Return the notifications for each of the policy's targets.

    With the param `notified`, a list of sent notifications, record these instead.
    """
    if sent := context.params.get("notified"):
        for notification in sent:
            context.alerts.record_notification(
                context.name,
                alert_id=notification["alert_id"],
                target=notification["target"],
                notified=notification["notified"],
            )
        return {"notified": len(sent)}
    require_newest(context)
    targets = context.use_case.policy.alerts.notify
    pending = [
        asdict(notification)
        for alert in context.alerts.awaiting_notification(context.name)
        for target in targets
        if (notification := pending_notification(alert, target))
    ]
    if not pending:
        raise StepSkipped("no notification is pending")
    return {"notifications": pending}
