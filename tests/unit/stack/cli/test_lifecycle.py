"""`sixgate up` and `sixgate down`: what they say; tests/e2e has what they do."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.exit_codes import OK
from stack import lifecycle
from stack.cli import attach
from stack.status import report

attach(app.app)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    return tmp_path


def test_down_without_a_stack_says_so(home: Path) -> None:
    done = CliRunner().invoke(app.app, ["down", "--delete"])
    assert done.exit_code == OK
    lines = done.stderr.splitlines()
    assert lines[1:] == ["nothing was running", f"there is no data in {home}"]


@pytest.mark.parametrize(
    ("started", "line"),
    [
        pytest.param(True, "the stack is up", id="started"),
        pytest.param(False, "the stack is already up", id="up already"),
    ],
)
def test_up_says_what_it_did_and_prints_the_status(
    started: bool, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document: dict[str, Any] = {
        "ok": True,
        "health": {"server": True},
        "addresses": {"server": "http://127.0.0.1:8000"},
        "paths": {"airflow_passwords": "passwords.json", "client_environment": "sixgate.env"},
        "policy_overlay": None,
        "use_cases": [],
        "dags": [],
    }
    monkeypatch.setattr(lifecycle, "up", lambda settings, say: started)
    monkeypatch.setattr(report, "status", lambda settings: document)
    done = CliRunner().invoke(app.app, ["up"])
    assert done.exit_code == OK, done.output
    assert line in done.stderr.splitlines()
    assert "http://127.0.0.1:8000  healthy" in done.stderr
    assert "no problems" in done.stderr
