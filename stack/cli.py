"""`sixgate up · down · status · demo · simulate`: attached to the console script by an entry point."""

import json
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipelines.settings import Settings


def attach(app: typer.Typer) -> None:
    """Add the stack's commands to `app`."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up() -> None:
    """Start the stack: PostgreSQL, MLflow, Airflow and the scoring server, under a supervisor that restarts what dies."""
    from stack import lifecycle

    console, begun = Console(stderr=True), time.monotonic()
    settings = Settings.load()
    started = lifecycle.up(settings, say=lambda line: console.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {line}"))
    console.print("the stack is up" if started else "the stack is already up")
    print_status(lifecycle.status(settings), console)


def down(
    delete: Annotated[bool, typer.Option("--delete", help="Also remove all data: databases, models, logs, secrets.")] = False,
) -> None:
    """Stop the stack. Data stays where it is, for the next `up`."""
    from stack import lifecycle

    settings = Settings.load()
    ended = lifecycle.down(settings)
    if delete:
        lifecycle.delete(settings)
    typer.echo(f"stopped {ended} processes" if ended else "nothing was running", err=True)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print addresses, health and paths as JSON.")] = False,
) -> None:
    """Show addresses, health and where the credentials are. Exit code 1 unless everything is healthy."""
    from stack import lifecycle

    found = lifecycle.status(Settings.load())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        print_status(found, Console())
    sys.exit(0 if found["up"] else 1)


def print_status(found: dict, console: Console) -> None:  # type: ignore[type-arg]
    """Print what `status` found as a table."""
    table = Table("part", "address", "health", box=None, pad_edge=False)
    for name, address in found["addresses"].items():
        health = found["health"].get(name)
        table.add_row(name, address, {True: "[green]healthy", False: "[red]not answering", None: ""}[health])
    console.print(table)
    console.print(f"Airflow users and passwords: {found['paths']['airflow_passwords']}", soft_wrap=True)
    console.print(f"API key and connection URLs: {found['paths']['client_environment']}", soft_wrap=True)
