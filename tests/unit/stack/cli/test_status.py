"""`sixgate status`: the exit code, the screen and the JSON of a stack that does not run."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.exit_codes import FAILED, OK
from stack.cli import attach
from stack.status import report

attach(app.app)
# Keys that scripts have read since the first version.
FIRST_KEYS = {
    "ok", "problems", "up", "health", "alerts", "policy_overlay", "processes", "addresses", "paths",
}  # fmt: skip


def status(*arguments: str) -> Result:
    return CliRunner().invoke(app.app, ["status", *arguments])


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    return tmp_path


def test_a_stack_that_does_not_run_is_a_problem_with_a_remedy(home: Path) -> None:
    done = status()
    assert done.exit_code == FAILED
    words = " ".join(done.stdout.split())
    assert f"the stack does not run in {home}" in words
    assert "`sixgate up` starts it" in words


def test_the_json_has_the_keys_that_scripts_read_and_says_what_is_not_known() -> None:
    done = status("--json")
    assert done.exit_code == FAILED
    document = json.loads(done.stdout)
    assert document.keys() >= FIRST_KEYS
    assert (document["ok"], document["up"]) == (False, False)
    assert (document["use_cases"], document["dags"]) == (None, None)
    assert document["alerts"] == []


def test_the_exit_code_is_0_without_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"ok": True, "processes": {}}
    monkeypatch.setattr(report, "status", lambda settings: document)
    assert status("--json").exit_code == OK
    done = status()
    assert (done.exit_code, done.stdout.strip()) == (OK, "no problems")
