"""`sixgate rollback`: what it refuses; tests/integration has what it does."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import SixgateError, UseCaseError
from pipelines.exit_codes import OK, REFUSED
from pipelines.stores.database import Connection


def test_a_rollback_needs_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    done = CliRunner().invoke(app.app, ["rollback", "--reason", " "])
    assert isinstance(done.exception, SixgateError)
    assert "--reason is empty" in str(done.exception)
    assert CliRunner().invoke(app.app, ["rollback"]).exit_code == REFUSED


def test_an_unknown_use_case_is_refused_with_the_valid_ones(database: Connection) -> None:
    done = CliRunner().invoke(app.app, ["rollback", "--reason", "r", "-u", "cats"])
    assert isinstance(done.exception, UseCaseError)
    assert "known are fraud" in str(done.exception)


def test_it_runs_the_steps_of_the_dag_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []
    results = {
        "select_rollback": {"version": 1, "from_version": 2, "reason": "r"},
        "final_validation": {"verified": True},
        "promote": {"replicas": "acknowledged by 1 replica"},
    }

    def run_step(name: str, use_case: str, **options: Any) -> tuple[int, dict[str, Any]]:
        calls.append((name, options))
        return OK, results[name]

    monkeypatch.setattr("pipelines.cli.rollback.run_step", run_step)
    done = CliRunner().invoke(app.app, ["rollback", "--reason", "r", "--version", "1", "--json"])
    assert done.exit_code == OK, done.output
    assert [name for name, _ in calls] == list(results)
    assert len({options["run_id"] for _, options in calls}) == 1
    assert calls[0][1]["params"] == {"version": 1, "reason": "r"}
    assert json.loads(done.stdout)["replicas"] == "acknowledged by 1 replica"
