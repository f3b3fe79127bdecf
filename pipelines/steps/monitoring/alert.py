"""Turn a check's figures into alerts, one for each cause: opened, escalated, or resolved when it is quiet again."""

import logging
from typing import Any

from pipelines.context import Context
from pipelines.errors import EvidenceError
from pipelines.rules.monitoring.alert_rules import alarms
from pipelines.steps.monitoring.newest_check import require_current

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Decide by the policy and record. A cause that nothing is known of, for want of rows or labels, is left as it is."""
    figures = context.metrics.of_check(context.name, context.run_id)
    if not figures:
        raise EvidenceError(f"check {context.run_id} has no figures: run its measure step first")
    require_current(context)
    found = alarms(figures, context.use_case.policy)
    raised = {}
    for alarm in found:
        if alarm.severity is None:
            context.alerts.resolve(context.name, alarm.cause)
            log.info("%s is quiet: %s", alarm.cause, alarm.message)
            continue
        alert = context.alerts.raise_(
            context.name,
            cause=alarm.cause,
            severity=alarm.severity,
            message=alarm.message,
            check_id=context.run_id,
        )
        raised[alarm.cause] = alarm.severity
        log.warning("%s alert %s: %s", alarm.severity, alert.id, alarm.message)
    if not found:
        log.info("too few predictions to say anything")
    return {"alerts": raised}
