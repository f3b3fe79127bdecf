"""`sixgate`: the lifecycle from the command line."""

import sys
from importlib.metadata import entry_points

import typer

from pipelines.errors import SixgateError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def main() -> None:
    """Run the console script; what a person can act on is one line, without a traceback."""
    for entry in entry_points(group="sixgate.commands"):
        entry.load()(app)
    try:
        app()
    except SixgateError as error:
        typer.echo(f"sixgate: {error}", err=True)
        sys.exit(1)
