"""`sixgate alerts list|acknowledge`: the alerts of drift checks and of the champion guard."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.shared.groups import FORMER, VerbGroup, warn_deprecated
from pipelines.cli.shared.options import JsonOption, LimitOption, UseCaseOption
from pipelines.errors import SixgateError

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.records import Alert

HELP = """Show alerts, or acknowledge one.

One alert is open per cause. It is resolved automatically when its cause
ends. `sixgate alerts` alone lists the newest ones.

Example:
  sixgate alerts acknowledge 7 --comment "a campaign"
"""
CommentOption = Annotated[str | None, typer.Option(help="Stored with the acknowledgement.")]

app = typer.Typer(cls=VerbGroup, help=HELP)


@app.command("list")
def list_(
    use_case: UseCaseOption = "fraud",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the newest alerts, in any state.

    An alert is OPEN, ACKNOWLEDGED by a person, or RESOLVED. The newest is
    the first. The severities are INSPECT, WARNING, ALERT and SEVERE.

    Example:
      sixgate alerts list --limit 5
    """
    from pipelines.settings import Settings
    from pipelines.stores.alerts import AlertStore
    from pipelines.stores.database import connect
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        records = AlertStore(connection).recent(use_case, limit=limit)
    if records or as_json:
        _print(records, as_json=as_json)
    else:
        typer.echo(f"{use_case} had no alert yet")


@app.command()
def acknowledge(
    alert_id: Annotated[
        int, typer.Argument(metavar="ID", help="Number of the alert, which `list` shows.")
    ],
    use_case: UseCaseOption = "fraud",
    comment: CommentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Acknowledge an open alert.

    Stores your name and the comment with the alert. An acknowledged alert
    opens again when its severity rises. With --json it is a list of one
    alert.

    Example:
      sixgate alerts acknowledge 7 --comment "a campaign"
    """
    from pipelines.settings import Settings
    from pipelines.stores.alerts import AlertStore
    from pipelines.stores.database import connect
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        store = AlertStore(connection)
        alert = store.acknowledge(use_case, alert_id, getpass.getuser(), comment)
    _print([alert], as_json=as_json)


@app.command(FORMER, hidden=True)
def former(
    which: Annotated[list[str] | None, typer.Argument()] = None,
    acknowledged: Annotated[int | None, typer.Option("--acknowledge")] = None,
    use_case: UseCaseOption = "fraud",
    comment: CommentOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Run `list` without a verb; run deprecated spellings of `acknowledge`."""
    words = which or []
    alert_id = _alert_id(words, acknowledged)
    if alert_id is None:
        list_(use_case, limit, as_json)
        return
    spelling = " ".join(words) or f"--acknowledge {alert_id}"
    warn_deprecated(f"alerts {spelling}", f"alerts acknowledge {alert_id}")
    acknowledge(alert_id, use_case, comment, as_json)


def _alert_id(words: Sequence[str], acknowledged: int | None) -> int | None:
    """Return the alert to acknowledge, None when alerts are to be listed."""
    if not words:
        return acknowledged
    if len(words) == 2 and words[0] == "acknowledge" and words[1].isdecimal():
        return int(words[1])
    raise SixgateError(
        f"alerts {' '.join(words)!r}: write `alerts list` or `alerts acknowledge ID`, "
        "and options after them"
    )


def _print(alerts: Sequence["Alert"], *, as_json: bool) -> None:
    from pipelines.reporting.tables import alerts_table, console

    if as_json:
        typer.echo(json.dumps([asdict(alert) for alert in alerts], default=str, indent=2))
    else:
        console().print(alerts_table(list(alerts)))
