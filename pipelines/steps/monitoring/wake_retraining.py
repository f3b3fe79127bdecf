"""Let a severe alert through, once, so that the drift asset is emitted by this task alone."""

from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.rules.monitoring.alert_rules import FEATURES, PERFORMANCE
from pipelines.steps.monitoring.newest_check import require_newest

CAUSES = (FEATURES, PERFORMANCE)  # what another training can mend


def run(context: Context) -> dict[str, Any]:
    """Pass when this very check raised a SEVERE alert whose cause woke no retraining within the cooldown, skip otherwise."""
    raised = [
        a
        for a in context.alerts.open(context.name)
        if a.cause in CAUSES and a.check_id == context.run_id
    ]
    severe = [alert for alert in raised if alert.severity == "SEVERE"]
    if not severe:
        seen = ", ".join(f"{alert.cause} is {alert.severity}" for alert in raised) or "all is quiet"
        raise StepSkipped(f"{seen}: only SEVERE wakes a retraining")
    require_newest(context)
    policy, last = (
        context.use_case.policy,
        context.decisions.newest_trained(context.name, but_run_id=context.run_id),
    )
    woken = [
        alert
        for alert in severe
        if context.alerts.wake(
            alert, context.run_id, context.as_of, trained_at=last.opened_at if last else None,
            cooldown=policy.retraining.cooldown, window=policy.drift.window,
        )
    ]  # fmt: skip
    if not woken:
        causes = " and ".join(alert.cause for alert in severe)
        raise StepSkipped(f"{causes} woke a retraining less than {policy.retraining.cooldown} ago")
    return {"alert_id": woken[0].id, "message": "; ".join(alert.message for alert in woken)}
