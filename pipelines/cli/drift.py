"""`sixgate drift`: drift and model performance in a window of live traffic."""

import json
import re
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.shared.options import JsonOption, UseCaseOption, parse_time
from pipelines.errors import SixgateError

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.records import Metric
    from pipelines.rules.use_case.policy import Policy

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def drift(
    use_case: UseCaseOption = "fraud",
    window: Annotated[
        str | None,
        typer.Option(help="Length, such as 90m, 24h or 7d. Default: the policy's window."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="End of the window, ISO 8601. Default: now.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure drift and model performance in a window.

    Compares live traffic with the baseline and with the training data of the
    champion. Counts predictions up to the last roll-up, which each drift
    check makes. Nothing is written. The statistics and thresholds are
    described in docs/reference/drift.md.

    Example:
      sixgate drift --window 24h
    """
    from pipelines.reporting.drift_tables import drift_view
    from pipelines.reporting.tables import console
    from pipelines.rules.monitoring.alert_rules import evaluate_alerts, reference_version
    from pipelines.stores.drift_statistics import installed_statistics

    metrics, policy = _measure(use_case, window, parse_time(as_of))
    raised = [alert for alert in evaluate_alerts(metrics, policy) if alert.severity]
    if as_json:
        document = {
            "metrics": [asdict(metric) for metric in metrics],
            "alerts": [asdict(alert) for alert in raised],
        }
        typer.echo(json.dumps(document, default=str, indent=2))
        return
    version = reference_version(metrics, policy)
    console().print(*drift_view(metrics, version, installed_statistics()), sep="\n")
    for alert in raised:
        typer.echo(f"{alert.severity}: {alert.message}")


def _measure(use_case: str, window: str | None, end: datetime) -> "tuple[list[Metric], Policy]":
    """Make the metrics of a drift check without storing them; return them with the policy."""
    from pipelines.context import context
    from pipelines.rules.monitoring.drift_check import Span, check_drift
    from pipelines.settings import Settings
    from pipelines.steps.monitoring.measure import gather, references
    from pipelines.steps.monitoring.reference_bins import reference_bins
    from pipelines.stores.drift_statistics import installed_statistics

    with closing(context(Settings.load(), use_case, "drift", end)) as step_context:
        policy = step_context.use_case.policy
        bucket = policy.drift.step
        length = _window_length(window, bucket) if window else policy.drift.window
        baseline, counted = reference_bins(step_context)
        span = Span.at(end, length, bucket)
        compared = references(step_context, baseline, counted)
        traffic = gather(step_context, counted, span, compared.champion)
        metrics = check_drift(
            check_id="drift",
            span=span,
            traffic=traffic,
            references=compared,
            policy=policy,
            statistics=installed_statistics(),
        )
    return metrics, policy


def _window_length(text: str, bucket: timedelta) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([mhd])", text)
    length = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not length or length % bucket:
        raise SixgateError(
            f"--window {text!r}: write a multiple of the bucket length {bucket}, such as 24h or 7d"
        )
    return length
