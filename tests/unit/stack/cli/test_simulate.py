"""`sixgate simulate`: what it refuses, and a server that is not there."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import DataError, SixgateError
from pipelines.exit_codes import REFUSED
from stack.cli import attach
from stack.cli.simulate import drift_kinds
from stack.demo.world import DRIFTS
from stack.temporary_services import free_port

attach(app.app)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    return tmp_path


def test_an_unknown_drift_is_refused_with_the_valid_kinds() -> None:
    done = CliRunner().invoke(app.app, ["simulate", "--drift", "sudden"])
    assert isinstance(done.exception, DataError)
    assert "valid are attack, concept, covariate, prior" in str(done.exception)


def test_an_unknown_use_case_is_refused_with_the_known_ones() -> None:
    done = CliRunner().invoke(app.app, ["simulate", "-u", "cats"])
    assert isinstance(done.exception, SixgateError)
    assert "known are " in str(done.exception)


@pytest.mark.parametrize(
    "arguments", [["--count", "0"], ["--coverage", "1.5"], ["--batch", "1001"], ["--days", "0"]]
)
def test_a_value_out_of_range_is_a_usage_error(arguments: list[str]) -> None:
    assert CliRunner().invoke(app.app, ["simulate", *arguments]).exit_code == REFUSED


@pytest.mark.parametrize("use_case", ["fraud"])
def test_requests_that_fail_are_counted_and_the_first_is_named(
    monkeypatch: pytest.MonkeyPatch, use_case: str
) -> None:
    monkeypatch.setenv("SIXGATE_API_PORT", str(free_port()))
    options = ["--count", "3", "--rate", "0", "--days", "1"]
    done = CliRunner().invoke(app.app, ["simulate", "-u", use_case, *options])
    assert isinstance(done.exception, SixgateError)
    assert "3 requests failed, the first with: " in str(done.exception)
    assert "answered 0" in done.stdout


def test_the_shell_completes_every_kind_of_drift() -> None:
    assert set(drift_kinds("")) == DRIFTS
    assert drift_kinds("co") == ["concept", "covariate"]
