"""Pass when a severe alert should start a retraining.

Only this task emits the drift asset, and for each alert it does so once.
"""

from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.records import Alert
from pipelines.rules.monitoring.alert_rules import FEATURES, PERFORMANCE
from pipelines.steps.monitoring.newest_check import require_newest

CAUSES = (FEATURES, PERFORMANCE)  # what a retraining can remedy


def run(context: Context) -> dict[str, Any]:
    """Pass when this check raised a SEVERE alert whose cause started no retraining recently.

    Recently means within the policy's cooldown. Skips otherwise.
    """
    raised = [
        alert
        for alert in context.alerts.open(context.name)
        if alert.cause in CAUSES and alert.check_id == context.run_id
    ]
    severe = [alert for alert in raised if alert.severity == "SEVERE"]
    if not severe:
        severities = [f"{alert.cause} is {alert.severity}" for alert in raised]
        reason = ", ".join(severities) or "this check raised no drift or performance alert"
        raise StepSkipped(f"{reason}: only a SEVERE alert starts a retraining")
    require_newest(context)
    starting = _start(context, severe)
    if not starting:
        causes = " and ".join(alert.cause for alert in severe)
        cooldown = context.use_case.policy.retraining.cooldown
        raise StepSkipped(f"{causes} started a retraining less than {cooldown} ago")
    message = "; ".join(alert.message for alert in starting)
    return {"alert_id": starting[0].id, "message": message}


def _start(context: Context, alerts: list[Alert]) -> list[Alert]:
    """Record that alerts start a retraining; return those whose cause may do so again."""
    policy = context.use_case.policy
    last = context.decisions.newest_trained(context.name, but_run_id=context.run_id)
    trained_at = last.opened_at if last else None
    return [
        alert
        for alert in alerts
        if context.alerts.wake(
            alert,
            context.run_id,
            context.as_of,
            trained_at=trained_at,
            cooldown=policy.retraining.cooldown,
            window=policy.drift.window,
        )
    ]
