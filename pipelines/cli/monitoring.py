"""What `sixgate` shows of live traffic: drift and performance of a window, and alerts."""

import getpass
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from pipelines.cli.decisions import JsonOption, UseCaseOption
from pipelines.errors import SixgateError
from pipelines.settings import Settings

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def drift(
    use_case: UseCaseOption = "fraud",
    window: Annotated[
        str | None, typer.Option(help="Such as 90m, 24h or 7d; the policy's when left out.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Where the window ends, ISO 8601; now when left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far traffic lies from the baseline and from what the champion was trained on, and how well the champion does.

    Counted are all predictions up to the last roll-up, which drift checks do; nothing is written. Rules and thresholds are in
    docs/reference/drift.md.
    """
    from pipelines.context import context
    from pipelines.reporting.tables import console, drift_view
    from pipelines.rules.monitoring.alert_rules import evaluate_alerts, reference_version
    from pipelines.rules.monitoring.drift_check import Span, check_drift
    from pipelines.steps.monitoring.measure import gather, references
    from pipelines.stores.baseline import read_manifest

    moment = read_moment(as_of)
    wired = context(Settings.load(), use_case, "drift", moment)
    try:
        policy, manifest = (
            wired.use_case.policy,
            read_manifest(wired.use_case.folder, wired.use_case.contract),
        )
        span = Span.at(
            moment,
            _duration(window, policy.drift.step) if window else policy.drift.window,
            policy.drift.step,
        )
        figures = check_drift(
            "drift", span, gather(wired, manifest, span), references(wired, manifest), policy
        )
    finally:
        wired.close()
    found = [status for status in evaluate_alerts(figures, policy) if status.severity]
    if as_json:
        kept = {
            "figures": [asdict(m) for m in figures],
            "alarms": [asdict(status) for status in found],
        }
        typer.echo(json.dumps(kept, default=str, indent=2))
        return
    console().print(*drift_view(figures, reference_version(figures, policy)), sep="\n")
    for status in found:
        typer.echo(f"{status.severity}: {status.message}")


def alerts(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[acknowledge ID]", help="Say that you know of an open alert."),
    ] = None,
    use_case: UseCaseOption = "fraud",
    comment: Annotated[str | None, typer.Option(help="Kept with the acknowledgement.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show alerts, the newest first; `alerts acknowledge ID` notes that a person knows.

    An acknowledged alert is open again when it becomes worse, and every alert ends by itself when its cause does.
    """
    from pipelines.reporting.tables import alerts_table, console
    from pipelines.stores.alerts import AlertStore
    from pipelines.stores.database import connect
    from pipelines.use_case import require_name

    settings, chosen = Settings.load(), _which(which or [])
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        store = AlertStore(connection)
        if chosen is not None:
            found = [store.acknowledge(use_case, chosen, getpass.getuser(), comment)]
        else:
            found = store.recent(use_case, limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(alert) for alert in found], default=str, indent=2))
    elif found:
        console().print(alerts_table(found))
    else:
        typer.echo(f"{use_case} had no alert yet")


def read_moment(text: str | None) -> datetime:
    """A moment from a command line, UTC unless it says otherwise; now when there is none."""
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SixgateError(
            f"--as-of {text!r} is not a time: write it as 2026-01-31T12:00:00+00:00"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _which(words: list[str]) -> int | None:
    """The alert to acknowledge, if there is one."""
    if not words:
        return None
    if len(words) == 2 and words[0] == "acknowledge" and words[1].isdecimal():
        return int(words[1])
    raise SixgateError(
        f"alerts {' '.join(words)!r}: write `acknowledge` and an alert's number, or nothing"
    )


def _duration(text: str, step: timedelta) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})([mhd])", text)
    span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not span or span % step:
        raise SixgateError(f"--window {text!r}: write whole steps of {step}, such as 24h or 7d")
    return span
