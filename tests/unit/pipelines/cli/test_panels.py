"""The panels of `sixgate --help`."""

import typer
from typer.main import get_command

from pipelines.cli.panels import MODELS, PANELS, STACK, PanelGroup


def test_commands_are_listed_by_panel_and_those_with_verbs_first() -> None:
    app = typer.Typer(cls=PanelGroup)
    verbs = typer.Typer()
    verbs.command("list")(lambda: None)
    app.command("other")(lambda: None)
    app.command("ledger", rich_help_panel=MODELS)(lambda: None)
    app.command("up", rich_help_panel=STACK)(lambda: None)
    app.add_typer(verbs, name="decisions", rich_help_panel=MODELS)
    group = get_command(app)
    assert isinstance(group, PanelGroup)
    assert group.list_commands(None) == ["up", "decisions", "ledger", "other"]


def test_a_panel_is_named_once() -> None:
    assert len(set(PANELS)) == len(PANELS)
