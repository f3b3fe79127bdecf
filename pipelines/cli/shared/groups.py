"""How commands are grouped: in panels of `sixgate --help`, and as verbs of one command.

Former spellings without a verb are deprecated.
"""

from collections.abc import Container, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

STACK = "The stack"
DEMO = "Simulated traffic"
MODELS = "Models"
MONITORING = "Monitoring"
DATA = "Data"
STEPS = "Steps of the DAGs"
PANELS = (STACK, DEMO, MODELS, MONITORING, DATA, STEPS)

FORMER = "former"  # the hidden verb that has the options of the spellings without a verb


class PanelGroup(TyperGroup):
    """A group whose commands are listed by panel in the order of PANELS, those with verbs first."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, those of the first panel first."""
        return sorted(super().list_commands(ctx), key=self._position)

    def _position(self, name: str) -> tuple[int, bool]:
        command = self.commands[name]
        panel = getattr(command, "rich_help_panel", None)
        index = PANELS.index(panel) if panel in PANELS else len(PANELS)
        return index, not isinstance(command, TyperGroup)


class VerbGroup(TyperGroup):
    """A command with verbs; without a verb, its hidden verb `former` gets the arguments."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; the shell's completion parses them as they are."""
        complete = args if ctx.resilient_parsing else with_verb(args, self.commands)
        return super().parse_args(ctx, complete)


def with_verb(arguments: Sequence[str], verbs: Container[str]) -> list[str]:
    """Put the verb `former` before arguments that begin with a number or an option, or are none.

    Other words stay first, so that the error for an unknown verb names the valid ones.
    """
    first = next(iter(arguments), "")
    if first in verbs:
        return list(arguments)
    if "--help" in arguments:
        return ["--help"]
    if not first or first.startswith("-") or first.isdecimal():
        return [FORMER, *arguments]
    return list(arguments)


def warn_deprecated(former: str, present: str) -> None:
    """Print on stderr that a spelling is deprecated, and the one to use."""
    typer.echo(
        f"sixgate: `sixgate {former}` is deprecated, the next release will not have it: "
        f"write `sixgate {present}`",
        err=True,
    )
