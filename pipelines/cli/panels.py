"""The panels in which `sixgate --help` groups the commands."""

from typing import Any

from typer.core import TyperGroup

STACK = "The stack"
DEMO = "Simulated traffic"
MODELS = "Models"
MONITORING = "Monitoring"
DATA = "Data"
STEPS = "Steps of the DAGs"
PANELS = (STACK, DEMO, MODELS, MONITORING, DATA, STEPS)


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
