"""The panels of `sixgate --help`, and verbs: which arguments name one, and old spellings."""

import pytest
import typer
from typer.main import get_command

from pipelines.cli.shared.groups import (
    FORMER,
    MODELS,
    PANELS,
    STACK,
    PanelGroup,
    warn_deprecated,
    with_verb,
)

VERBS = ("list", "show", "replay", FORMER)


@pytest.mark.parametrize(
    ("arguments", "complete"),
    [
        pytest.param([], [FORMER], id="nothing"),
        pytest.param(["list", "--json"], ["list", "--json"], id="a verb"),
        pytest.param(["show", "--help"], ["show", "--help"], id="the help of a verb"),
        pytest.param(["7"], [FORMER, "7"], id="a number"),
        pytest.param(["--limit", "2"], [FORMER, "--limit", "2"], id="options alone"),
        pytest.param(
            ["--json", "replay", "7"], [FORMER, "--json", "replay", "7"], id="options first"
        ),
        pytest.param(["--help"], ["--help"], id="help"),
        pytest.param(["--json", "--help"], ["--help"], id="help after an option"),
        pytest.param(["shwo", "7"], ["shwo", "7"], id="a misspelt verb, for click to refuse"),
    ],
)
def test_arguments_without_a_verb_go_to_the_former_command(
    arguments: list[str], complete: list[str]
) -> None:
    assert with_verb(arguments, VERBS) == complete


def test_a_deprecation_is_one_line_on_stderr_that_names_the_new_spelling(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warn_deprecated("decisions 7", "decisions show 7")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "sixgate: `sixgate decisions 7` is deprecated, the next release will not have it: "
        "write `sixgate decisions show 7`\n"
    )


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
