"""What is to be told of alerts, and to whom; and, once it was told, that it was."""

from dataclasses import asdict
from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.rules.monitoring.notifications import news
from pipelines.steps.monitoring.newest_check import require_newest


def run(context: Context) -> dict[str, Any]:
    """Return the news for each of the policy's targets; with the param `told`, remember that these were told."""
    if told := context.params.get("told"):
        for one in told:
            context.alerts.record_notification(
                context.name, one["alert_id"], one["target"], one["told"]
            )
        return {"told": len(told)}
    require_newest(context)
    targets = context.use_case.policy.alerts.notify
    found = [
        one
        for alert in context.alerts.awaiting_notification(context.name)
        for target in targets
        if (one := news(alert, target))
    ]
    if not found:
        raise StepSkipped("there is no news of alerts")
    return {"news": [asdict(one) for one in found]}
