"""`sixgate new` without a stack that is up: it writes the folder and says how to go on."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.errors import ParameterError, SixgateError
from pipelines.use_case import names
from stack.cli import attach

attach(app.app)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of labelled data in an empty checkout."""
    (tmp_path / "reference").mkdir()
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIXGATE_ROOT", str(tmp_path))
    monkeypatch.setenv("SIXGATE_AIRFLOW_PORT", "9")  # nothing listens there
    file = tmp_path / "data.csv"
    rows = []
    for row in range(900):
        outcome = "left" if (row * 7) % 10 > 7 else "stayed"
        rows.append(f"{row % 37},{row % 41}.5,{outcome}")
    file.write_text("\n".join(["Age,Balance,outcome", *rows]) + "\n")
    return file


def new(file: Path, *arguments: str) -> Result:
    command = ["new", "churn", "--data", str(file), "--label", "outcome", *arguments]
    return CliRunner().invoke(app.app, command)


def test_a_folder_is_written_and_the_next_step_is_said(data: Path) -> None:
    done = new(data, "--yes", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert names(data.parent / "reference") == ["churn"]
    assert (document["rows"], document["refused"], document["features"]) == (900, 0, 2)
    assert document["guesses"][0].startswith("positive class: outcome = 'left'")
    assert "the stack is not up" in done.stderr
    assert document["snapshot"] in done.stderr


def test_what_the_data_do_not_tell_must_be_said_where_it_can_not_be_asked(data: Path) -> None:
    done = new(data)
    assert isinstance(done.exception, ParameterError)
    assert "--positive (stayed or left)" in str(done.exception)
    assert names(data.parent / "reference") == []
    assert new(data, "--positive", "left").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time", "Age"], "--time Age: not every value is a time"),
        (["--positive", "gone"], "outcome does not have it; it has 'stayed', 'left'"),
        (["--key", "customer"], "--key customer: there is no such column"),
    ],
)
def test_a_wrong_answer_is_named(data: Path, arguments: list[str], message: str) -> None:
    done = new(data, *arguments)
    assert isinstance(done.exception, SixgateError)
    assert message in str(done.exception)
    assert names(data.parent / "reference") == []
