"""`sixgate drift`: the window that it measures; tests/integration has the metrics."""

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.cli.drift import _window_length
from pipelines.errors import SixgateError

BUCKET = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("90m", timedelta(minutes=90), id="minutes"),
        pytest.param("24h", timedelta(days=1), id="hours"),
        pytest.param("7d", timedelta(days=7), id="days"),
    ],
)
def test_a_window_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert _window_length(text, BUCKET) == length


@pytest.mark.parametrize("text", ["", "24", "7m", "0h", "-1h", "1w", "99999d"])
def test_another_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SixgateError, match=r"write a multiple of the bucket length 0:05:00, such"):
        _window_length(text, BUCKET)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--as-of", "noon"], "is not a time", id="a time that is none"),
        pytest.param(["-u", "cats"], "known are fraud", id="an unknown use case"),
        pytest.param(["--window", "1w"], "such as 24h or 7d", id="a window that is none"),
    ],
)
def test_a_mistake_is_named(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    done = CliRunner().invoke(app.app, ["drift", *arguments])
    assert isinstance(done.exception, SixgateError)
    assert message in str(done.exception)
