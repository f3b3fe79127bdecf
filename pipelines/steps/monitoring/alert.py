"""Open, escalate or resolve an alert for each cause, by the metrics of a drift check."""

import logging
from collections.abc import Sequence
from typing import Any

from pipelines.context import Context
from pipelines.errors import EvidenceError
from pipelines.records import Metric
from pipelines.rules.monitoring.alert_rules import AlertStatus, evaluate_alerts
from pipelines.rules.monitoring.data_quality import UNMATCHED_SHARE, describe_examples
from pipelines.rules.monitoring.replaced_model import is_replaced
from pipelines.steps.monitoring.newest_check import require_current
from pipelines.steps.monitoring.replaced_model import production, resolve_replaced

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Evaluate the alert rules and record the result.

    An alert stays as it is when there are too few predictions or labels to evaluate its cause.
    """
    metrics = context.metrics.of_check(context.name, context.run_id)
    if not metrics:
        raise EvidenceError(
            f"drift check {context.run_id} has no metrics: run its measure step first"
        )
    require_current(context)
    resolve_replaced(context)
    evaluated = evaluate_alerts(
        metrics, context.use_case.policy, unmatched=_unmatched(context, metrics)
    )
    statuses = _of_champion(context, evaluated)
    severities = {}
    for status in statuses:
        _record(context, status)
        if status.severity is not None:
            severities[status.cause] = status.severity
    if not statuses:
        log.info("too few predictions to evaluate any alert")
    return {"alerts": severities}


def _unmatched(context: Context, metrics: Sequence[Metric]) -> str:
    """Describe examples of labels that match no prediction; empty when the check found none."""
    if not any(metric.metric == UNMATCHED_SHARE and metric.value for metric in metrics):
        return ""
    examples = context.quality.unmatched_labels(context.name, context.as_of).examples
    if not examples:
        return ""
    return describe_examples(examples, context.quality.similar_ids(context.name, examples))


def _of_champion(context: Context, statuses: list[AlertStatus]) -> list[AlertStatus]:
    """Leave out statuses about a model that was replaced since this check measured it."""
    newest = production(context)
    return [status for status in statuses if not is_replaced(status.model_version, newest)]


def _record(context: Context, status: AlertStatus) -> None:
    if status.severity is None:
        context.alerts.resolve(context.name, status.cause, status.message)
        log.info("no %s alert: %s", status.cause, status.message)
        return
    alert = context.alerts.raise_(
        context.name,
        cause=status.cause,
        severity=status.severity,
        message=status.message,
        check_id=context.run_id,
        model_version=status.model_version,
    )
    log.warning("%s alert %s: %s", status.severity, alert.id, status.message)
