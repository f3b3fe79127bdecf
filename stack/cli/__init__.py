"""The commands of the stack, which an entry point adds to the console script `sixgate`."""

import typer

from pipelines.cli.shared.groups import DATA, DEMO, STACK
from stack.cli.baseline import baseline
from stack.cli.demo import demo
from stack.cli.lifecycle import down, up
from stack.cli.new import new
from stack.cli.simulate import simulate
from stack.cli.status import status


def attach(app: typer.Typer) -> None:
    """Add the stack's commands to `app`."""
    for command in (up, down, status):
        app.command(rich_help_panel=STACK)(command)
    for command in (demo, simulate):
        app.command(rich_help_panel=DEMO)(command)
    app.command(rich_help_panel=DATA)(new)
    app.command(rich_help_panel=DATA)(baseline)
