"""The console script `sixgate`: its commands, and what an error prints and exits with."""

import gc
import sys
from collections.abc import Sequence

import typer

from pipelines import library_settings
from pipelines.cli import alerts, contract, decisions, housekeeping, policy
from pipelines.cli.drift import drift
from pipelines.cli.explain import explain
from pipelines.cli.ingest import ingest
from pipelines.cli.ledger import ledger
from pipelines.cli.rollback import rollback
from pipelines.cli.score import score
from pipelines.cli.shared.groups import DATA, MODELS, MONITORING, STEPS, PanelGroup
from pipelines.cli.snapshots import snapshots
from pipelines.cli.step import HELP as STEP_HELP
from pipelines.cli.step import step
from pipelines.errors import PromotionBusy, SixgateError, SourceUnavailable
from pipelines.exit_codes import FAILED, REFUSED

HELP = """Train, evaluate, promote and monitor tabular models.

Each command has a help with an example: sixgate COMMAND --help. Commands
read the addresses of the stack from the environment, then from the file
`sixgate.env` in SIXGATE_HOME.
"""
# A service that does not answer, where a retry may help, or an invalid setting. These are names
# because importing psycopg, httpx and pydantic for their error classes would slow every command.
ENVIRONMENT_ERRORS = (
    "OperationalError",
    "ConnectionTimeout",
    "ConnectError",
    "ConnectTimeout",
    "ReadTimeout",
    "ValidationError",
)

app = typer.Typer(cls=PanelGroup, no_args_is_help=True, pretty_exceptions_enable=False, help=HELP)
app.add_typer(decisions.app, name="decisions", rich_help_panel=MODELS)
app.add_typer(contract.app, name="contract", rich_help_panel=MODELS)
app.command(rich_help_panel=MODELS)(ledger)
app.command(rich_help_panel=MODELS)(rollback)
app.add_typer(policy.app, name="policy", rich_help_panel=MODELS)
app.command(rich_help_panel=DATA)(policy.check)
app.command(rich_help_panel=MONITORING)(drift)
app.add_typer(alerts.app, name="alerts", rich_help_panel=MONITORING)
app.command(rich_help_panel=MONITORING)(explain)
app.command(rich_help_panel=DATA)(ingest)
app.command(rich_help_panel=DATA)(snapshots)
app.command(rich_help_panel=DATA)(score)
app.command(rich_help_panel=STEPS, help=STEP_HELP)(step)
app.add_typer(housekeeping.app, name="housekeeping", rich_help_panel=STEPS)


def add_commands_of_others(arguments: Sequence[str]) -> None:
    """Add the commands that entry points name, such as those of the stack.

    Finding them takes 60 ms, which a step does not need: they are left out for a command of ours.
    """
    own = {command.callback.__name__ for command in app.registered_commands if command.callback}
    own |= {str(group.name) for group in app.registered_groups}
    if own.intersection(arguments[:1]):
        return
    from importlib.metadata import entry_points

    for entry in entry_points(group="sixgate.commands"):
        entry.load()(app)


def main() -> None:
    """Run the console script; an error that the user can resolve prints one line, no traceback."""
    # Imports create many objects and no garbage: collecting meanwhile costs half a second.
    gc.set_threshold(100_000, 20, 20)
    library_settings.apply()
    add_commands_of_others(sys.argv[1:])
    try:
        app()
    except SixgateError as error:
        typer.echo(f"sixgate: {error}", err=True)
        sys.exit(FAILED if isinstance(error, PromotionBusy | SourceUnavailable) else REFUSED)
    except Exception as error:
        if type(error).__name__ not in ENVIRONMENT_ERRORS:
            raise
        message = " ".join(str(error).split())
        remedy = "run `sixgate status`, and check the SIXGATE_ settings in use"
        typer.echo(f"sixgate: {message}: {remedy}", err=True)
        sys.exit(FAILED)
