"""`sixgate drift` and `sixgate alerts`: drift and performance of live traffic, and its alerts."""

import getpass
import json
import re
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.decisions import JsonOption, UseCaseOption
from pipelines.errors import SixgateError
from pipelines.settings import Settings

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
    champion. Counts predictions up to the last roll-up, which each drift check
    makes. Nothing is written.

    Statistics and thresholds are described in docs/reference/drift.md.
    """
    from pipelines.reporting.tables import console, drift_view
    from pipelines.rules.monitoring.alert_rules import evaluate_alerts, reference_version

    metrics, policy = _measure(use_case, window, parse_time(as_of))
    raised = [alert for alert in evaluate_alerts(metrics, policy) if alert.severity]
    if as_json:
        document = {
            "figures": [asdict(metric) for metric in metrics],
            "alarms": [asdict(alert) for alert in raised],
        }
        typer.echo(json.dumps(document, default=str, indent=2))
        return
    console().print(*drift_view(metrics, reference_version(metrics, policy)), sep="\n")
    for alert in raised:
        typer.echo(f"{alert.severity}: {alert.message}")


def _measure(use_case: str, window: str | None, end: datetime) -> "tuple[list[Metric], Policy]":
    """Make the metrics of a drift check without storing them; return them with the policy."""
    from pipelines.context import context
    from pipelines.rules.monitoring.drift_check import Span, check_drift
    from pipelines.steps.monitoring.measure import gather, references
    from pipelines.stores.baseline import read_manifest

    with closing(context(Settings.load(), use_case, "drift", end)) as step_context:
        policy = step_context.use_case.policy
        manifest = read_manifest(step_context.use_case.folder, step_context.use_case.contract)
        bucket = policy.drift.step
        length = _window_length(window, bucket) if window else policy.drift.window
        span = Span.at(end, length, bucket)
        traffic = gather(step_context, manifest, span)
        metrics = check_drift(
            check_id="drift",
            span=span,
            traffic=traffic,
            references=references(step_context, manifest),
            policy=policy,
        )
    return metrics, policy


def alerts(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[acknowledge ID]", help="Acknowledge an open alert."),
    ] = None,
    use_case: UseCaseOption = "fraud",
    comment: Annotated[str | None, typer.Option(help="Stored with the acknowledgement.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="How many alerts, newest first.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show alerts, or acknowledge one.

    `alerts acknowledge ID` stores your name and the comment with an open
    alert. An acknowledged alert opens again when its severity rises. Every
    alert is resolved automatically when its cause ends.
    """
    from pipelines.reporting.tables import alerts_table, console
    from pipelines.stores.alerts import AlertStore
    from pipelines.stores.database import connect
    from pipelines.use_case import require_name

    settings = Settings.load()
    alert_id = _parse_arguments(which or [])
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        store = AlertStore(connection)
        if alert_id is None:
            records = store.recent(use_case, limit=limit)
        else:
            records = [store.acknowledge(use_case, alert_id, getpass.getuser(), comment)]
    if as_json:
        typer.echo(json.dumps([asdict(alert) for alert in records], default=str, indent=2))
    elif records:
        console().print(alerts_table(records))
    else:
        typer.echo(f"{use_case} had no alert yet")


def parse_time(text: str | None) -> datetime:
    """Parse the value of --as-of, in UTC unless it names another offset; now when it is empty."""
    if not text:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SixgateError(
            f"--as-of {text!r} is not a time: write it as 2026-01-31T12:00:00+00:00"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _parse_arguments(arguments: list[str]) -> int | None:
    """Return the id of the alert to acknowledge, None when alerts are to be listed."""
    if not arguments:
        return None
    if len(arguments) == 2 and arguments[0] == "acknowledge" and arguments[1].isdecimal():
        return int(arguments[1])
    raise SixgateError(
        f"alerts {' '.join(arguments)!r}: write `acknowledge` and an alert's number, or nothing"
    )


def _window_length(text: str, bucket: timedelta) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([mhd])", text)
    length = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not length or length % bucket:
        raise SixgateError(
            f"--window {text!r}: write a multiple of the bucket length {bucket}, such as 24h or 7d"
        )
    return length
