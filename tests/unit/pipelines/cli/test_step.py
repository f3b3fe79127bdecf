"""`sixgate step`: the result on the last line, and the exit codes that Airflow reads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.cli.step import HELP, step_names
from pipelines.errors import PromotionBusy, SixgateError, StepSkipped
from pipelines.exit_codes import FAILED, OK, REFUSED, SKIPPED
from pipelines.steps import STEPS
from pipelines.steps.promotion import promote
from pipelines.steps.retraining import approve


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["trane"], "there is no step 'trane': use one of", id="unknown step"),
        pytest.param(["train", "--params", "{"], "is not JSON", id="params that are not JSON"),
        pytest.param(["train", "--params", "[]"], "is not an object", id="params that are a list"),
        pytest.param(
            ["check_conditions", "--params", '{"requre_review": true}'],
            "unknown parameter 'requre_review': did you mean 'require_review'? "
            "Permitted: force, reason, reference, require_review, snapshot",
            id="a misspelt parameter",
        ),
        pytest.param(
            ["train", "--params", '{"require_review": "true"}'],
            "parameter 'require_review' is 'true': it must be true or false",
            id="a parameter of another type",
        ),
        pytest.param(["train", "--as-of", "noon"], "is not a time", id="a time that is none"),
        pytest.param(["train", "--use-case", "cats"], "known are fraud", id="unknown use case"),
    ],
)
def test_a_mistake_is_named_with_what_is_valid(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(app.app, ["step", *arguments])
    assert isinstance(done.exception, SixgateError)
    assert words in str(done.exception)


def test_a_step_that_is_refused_for_a_parameter_exits_2_so_that_it_is_not_tried_again(
    tmp_path: Path,
) -> None:
    step = [sys.executable, "-m", "pipelines", "step", "needs_review"]
    done = subprocess.run(
        [*step, "--params", '{"decision": 7}'], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == REFUSED
    assert done.stderr == (
        "sixgate: unknown parameter 'decision': did you mean 'decision_id'? Permitted: decision_id\n"
    )


def test_a_lock_that_is_not_free_exits_1_so_that_airflow_tries_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wait(_: object) -> None:
        raise PromotionBusy("the lock was not free")

    monkeypatch.setattr(promote, "run", wait)
    monkeypatch.setattr(sys, "argv", ["sixgate", "step", "promote"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == FAILED
    assert capsys.readouterr().err.endswith("sixgate: the lock was not free\n")


def test_a_skipped_step_exits_99_and_its_last_line_is_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def skip(_: object) -> None:
        raise StepSkipped("there is nothing to do")

    monkeypatch.setattr(approve, "run", skip)
    done = CliRunner().invoke(app.app, ["step", "approve"])
    assert done.exit_code == SKIPPED
    assert json.loads(done.stdout.splitlines()[-1]) == {"skipped": "there is nothing to do"}


def test_a_result_is_the_last_line_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(context: Any) -> dict[str, Any]:
        return {"run": context.run_id, "params": context.params}

    monkeypatch.setattr(approve, "run", run)
    arguments = ["step", "approve", "--run-id", "r", "--params", '{"force": true}']
    done = CliRunner().invoke(app.app, arguments)
    assert done.exit_code == OK
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == {"run": "r", "params": {"force": True}}


def test_the_help_names_every_step() -> None:
    assert [name for name in STEPS if name not in HELP] == []


def test_the_shell_completes_the_names_of_steps() -> None:
    assert step_names("sha") == ["shadow_evaluate"]
    assert set(step_names("")) == set(STEPS)
