"""The command line: help worth reading, one clear line for a mistake, the exit codes that Airflow reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import PromotionBusy, SixgateError, StepSkipped
from stack.cli import attach

attach(app.app)
COMMANDS = (
    "up",
    "down",
    "status",
    "demo",
    "step",
    "simulate",
    "ingest",
    "decisions",
    "ledger",
    "rollback",
    "baseline",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command: str) -> None:
    done = CliRunner().invoke(app.app, [command, "--help"])
    assert done.exit_code == 0
    assert len(done.output.split()) > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["step", "trane"], "there is no step 'trane': use one of", id="unknown step"),
        pytest.param(
            ["step", "train", "--params", "{"], "is not JSON", id="params that are not JSON"
        ),
        pytest.param(
            ["step", "train", "--params", "[]"], "is not an object", id="params that are a list"
        ),
        pytest.param(
            ["step", "check_conditions", "--params", '{"requre_review": true}'],
            "unknown parameter 'requre_review': did you mean 'require_review'? "
            "Permitted: force, reason, require_review, snapshot",
            id="a misspelt parameter",
        ),
        pytest.param(
            ["step", "train", "--params", '{"require_review": "true"}'],
            "parameter 'require_review' is 'true': it must be true or false",
            id="a parameter of another type",
        ),
        pytest.param(
            ["step", "train", "--as-of", "noon"], "is not a time", id="a time that is none"
        ),
        pytest.param(
            ["step", "train", "--use-case", "cats"], "known are fraud", id="unknown use case"
        ),
        pytest.param(
            ["rollback", "--reason", " "], "--reason is empty", id="a rollback without a reason"
        ),
        pytest.param(["ingest", "nothing.csv"], "does not exist", id="no such file"),
        pytest.param(
            ["decisions", "-u", "cats"],
            "there is no use case 'cats'",
            id="decisions of no use case",
        ),
        pytest.param(
            ["ledger", "-u", "../fraud"],
            "there is no use case '../fraud'",
            id="a way out of the folder",
        ),
        pytest.param(
            ["baseline", "--from", "gone"], "no snapshot 'gone'", id="a baseline of nothing"
        ),
    ],
)
def test_a_mistake_is_one_clear_line(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    done = CliRunner().invoke(app.app, arguments)
    assert isinstance(done.exception, SixgateError)
    assert words in str(done.exception)


def test_the_console_script_prints_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "step", "trane"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("sixgate: there is no step 'trane'")
    assert "Traceback" not in done.stderr


def test_a_step_that_is_refused_for_a_parameter_exits_2_so_that_it_is_not_tried_again(
    tmp_path: Path,
) -> None:
    command = [
        sys.executable,
        "-m",
        "pipelines",
        "step",
        "needs_review",
        "--params",
        '{"decision": 7}',
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "sixgate: unknown parameter 'decision': did you mean 'decision_id'? Permitted: decision_id\n"
    )


def test_a_lock_that_is_not_free_exits_1_so_that_airflow_tries_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipelines.steps.promotion import promote

    def wait(_: object) -> None:
        raise PromotionBusy("the lock was not free")

    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    monkeypatch.setattr(promote, "run", wait)
    monkeypatch.setattr(sys, "argv", ["sixgate", "step", "promote"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.endswith("sixgate: the lock was not free\n")


def test_a_skipped_step_exits_99_and_its_last_line_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pipelines.steps.retraining import approve

    def skip(_: object) -> None:
        raise StepSkipped("there is nothing to do")

    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    monkeypatch.setattr(approve, "run", skip)
    done = CliRunner().invoke(app.app, ["step", "approve"])
    assert done.exit_code == 99
    assert json.loads(done.stdout.splitlines()[-1]) == {"skipped": "there is nothing to do"}


def test_a_result_is_the_last_line_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pipelines.steps.retraining import approve

    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    monkeypatch.setattr(
        approve, "run", lambda context: {"run": context.run_id, "params": context.params}
    )
    done = CliRunner().invoke(
        app.app, ["step", "approve", "--run-id", "r", "--params", '{"force": true}']
    )
    assert (done.exit_code, json.loads(done.stdout.splitlines()[-1])) == (
        0,
        {"run": "r", "params": {"force": True}},
    )
