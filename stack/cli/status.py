"""`sixgate status`: the state of the stack on one screen."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from pipelines.exit_codes import FAILED, OK


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show what runs, what serves, what is open, what waits for whom, and when each DAG runs next.

    For each part: address and health. For each use case: the version that
    serves, since when and by which decision or rollback; open alerts; reviews
    and candidates that wait, and for whom; whether a retraining may start.
    For each DAG: the last and the next run. What a part that is down would
    say is shown as not known.

    Exit code 1 while there is a problem. A problem is a part that is not
    healthy, an invalid policy or contract, a DAG that is paused, stale or
    missing, or a use case without a model in Production that every replica
    serves. Each problem is listed with its remedy.

    Example:
      sixgate status --json
    """
    from pipelines.settings import Settings
    from stack.status import report, screen

    document = report.status(Settings.load())
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    elif not document["processes"]:
        screen.print_problems(document, Console())
    else:
        screen.print_status(document, screen.console())
    sys.exit(OK if document["ok"] else FAILED)
