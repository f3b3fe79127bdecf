"""`sixgate up` and `sixgate down`: start and stop the stack."""

import time
from typing import Annotated

import typer

from stack.cli.progress import timed_printer


def up() -> None:
    """Start the stack: PostgreSQL, MLflow, Airflow and the scoring server.

    Starts what does not run, waits until every part is healthy, and prints
    the status. A supervisor restarts processes that exit. The data is in
    SIXGATE_HOME, by default the folder `.sixgate` of the checkout.

    Example:
      SIXGATE_AIRFLOW_PORT=8081 sixgate up
    """
    from pipelines.settings import Settings
    from stack import lifecycle
    from stack.status import screen
    from stack.status.report import status

    console = screen.console(stderr=True)
    settings = Settings.load()
    started = lifecycle.up(settings, say=timed_printer(console, time.monotonic()))
    console.print("the stack is up" if started else "the stack is already up")
    screen.print_status(status(Settings.load()), console)


def down(
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Also remove all data: databases, models, logs, secrets."),
    ] = False,
) -> None:
    """Stop the stack and keep its data for the next `up`.

    `sixgate up` starts it again. With --delete, nothing is left to start
    from: back up first what you need, see docs/how-to/back-up-and-restore.md.

    Example:
      sixgate down
    """
    from pipelines.settings import Settings
    from stack import lifecycle

    settings = Settings.load()
    typer.echo("stopping, which takes up to a minute …", err=True)
    ended = lifecycle.down(settings)
    typer.echo(f"stopped {ended} processes" if ended else "nothing was running", err=True)
    if delete:
        removed = lifecycle.delete(settings)
        prefix = "removed the data in" if removed else "there is no data in"
        typer.echo(f"{prefix} {settings.home}", err=True)
