"""The command line as a whole: help worth reading, and one clear line for a mistake."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.cli.shared.groups import PANELS
from pipelines.exit_codes import FAILED, OK, REFUSED
from stack.cli import attach

attach(app.app)
ROOT_GROUP = get_command(app.app)


def commands(group: object = ROOT_GROUP, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command that the help shows, as its words."""
    listed = [path] if path else []
    for name, command in getattr(group, "commands", {}).items():
        if not command.hidden:
            listed += commands(command, (*path, name))
    return listed


COMMANDS = [pytest.param(words, id=" ".join(words)) for words in commands()]


def test_the_commands_are_those_that_the_documentation_names() -> None:
    assert {" ".join(words) for words in commands()} == {
        "up", "down", "status", "demo", "simulate", "check", "decisions", "decisions list", "decisions show",
        "decisions replay", "policy", "policy show", "contract", "contract diff", "contract apply", "contract list", "ledger", "rollback", "alerts", "alerts list", "alerts acknowledge", "drift",
        "explain", "ingest", "score", "new", "baseline", "step",
        "snapshots", "housekeeping", "housekeeping retention", "housekeeping audit", "housekeeping files",
    }  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS)
def test_the_help_of_every_command_has_an_example_and_fits_in_80_columns(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(app.app, [*words, "--help"])
    assert done.exit_code == OK
    example = re.search(r"Example:\s*\n +(?:SIXGATE_\w+=\d+ )?sixgate (.+)", done.output)
    assert example, done.output
    assert example[1].startswith(" ".join(words))
    assert max(len(line) for line in done.output.splitlines()) <= 80


@pytest.mark.parametrize("words", COMMANDS)
def test_after_a_paragraph_the_example_is_a_command_line_that_can_be_parsed(
    words: tuple[str, ...],
) -> None:
    command = ROOT_GROUP
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]
    summary, *paragraphs, last = str(command.help).strip().split("\n\n")
    assert summary.endswith(".") and paragraphs
    example = re.fullmatch(r"Example:\n +(?:SIXGATE_\w+=\d+ )?sixgate (.+)", last)
    assert example
    name, *arguments = shlex.split(example[1])
    ROOT_GROUP.commands[name].make_context(name, arguments)  # type: ignore[attr-defined]


def test_the_help_groups_every_command_in_a_panel() -> None:
    shown = CliRunner().invoke(app.app, ["--help"]).output
    places = [shown.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)
    assert "─ Commands ─" not in shown


def test_a_misspelt_command_is_answered_with_the_likely_one() -> None:
    done = CliRunner().invoke(app.app, ["decision"])
    assert done.exit_code == REFUSED
    assert "decisions" in done.output


def test_the_console_script_prints_no_traceback(tmp_path: Path) -> None:
    done = sixgate("step", "trane", cwd=tmp_path)
    assert done.returncode == REFUSED
    assert done.stderr.startswith("sixgate: there is no step 'trane'")
    assert "Traceback" not in done.stderr


def test_a_service_that_does_not_answer_is_one_line_and_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise psycopg.OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(app, "app", fail)
    monkeypatch.setattr(app, "add_commands_of_others", lambda arguments: None)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == FAILED
    assert capsys.readouterr().err == (
        "sixgate: connection refused Is the server running?: run `sixgate status`, "
        "and check the SIXGATE_ settings in use\n"
    )


def test_an_error_in_the_code_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "app", fail)
    monkeypatch.setattr(app, "add_commands_of_others", lambda arguments: None)
    with pytest.raises(ZeroDivisionError):
        app.main()


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        pytest.param("sixgate dec", "decisions", id="a command"),
        pytest.param("sixgate decisions re", "replay", id="a verb"),
        pytest.param("sixgate step shadow", "shadow_evaluate", id="a step"),
        pytest.param("sixgate ledger -u fr", "fraud", id="a use case"),
        pytest.param("sixgate simulate --drift cov", "covariate", id="a kind of drift"),
    ],
)
def test_the_shell_completes(line: str, completed: str, tmp_path: Path) -> None:
    words = line.split()
    request = {
        "_SIXGATE_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = sixgate(cwd=tmp_path, environment=request)
    assert done.stdout.split() == [completed], done.stderr


def test_the_shell_is_not_offered_deprecated_spellings(tmp_path: Path) -> None:
    request = {
        "_SIXGATE_COMPLETE": "complete_bash",
        "COMP_WORDS": "sixgate decisions ",
        "COMP_CWORD": "2",
    }
    done = sixgate(cwd=tmp_path, environment=request)
    assert done.stdout.split() == ["list", "show", "replay"]


@pytest.mark.parametrize(
    ("arguments", "is_loaded"),
    [
        pytest.param(["step", "train"], False, id="a step"),
        pytest.param(["decisions", "list"], False, id="a group of ours"),
        pytest.param(["status"], True, id="a command of the stack"),
        pytest.param(["--help"], True, id="help"),
        pytest.param([], True, id="no command, as in the shell's completion"),
    ],
)
def test_a_command_of_ours_does_not_wait_for_those_of_others(
    arguments: list[str], is_loaded: bool, tmp_path: Path
) -> None:
    code = (
        "import sys; from pipelines.cli import app; "
        f"app.add_commands_of_others({arguments}); print('stack.cli' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.strip() == str(is_loaded)


def sixgate(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the console script of this environment."""
    script = Path(sys.executable).with_name("sixgate")
    return subprocess.run(
        [str(script), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "SIXGATE_HOME": str(cwd), **(environment or {})},
    )
