"""Options of several commands: times, and what the shell completes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.cli.shared.options import parse_time, use_case_names
from pipelines.errors import SixgateError
from pipelines.settings import ROOT

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        pytest.param("2026-01-31T12:00:00+00:00", NOON, id="with an offset"),
        pytest.param("2026-01-31T14:00:00+02:00", NOON, id="with another offset"),
        pytest.param("2026-01-31T12:00:00", NOON, id="without an offset it is UTC"),
    ],
)
def test_a_time_is_read(text: str, time: datetime) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize("text", [None, ""])
def test_without_a_time_it_is_now(text: str | None) -> None:
    assert abs(parse_time(text) - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_time_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(SixgateError, match=r"'noon' is not a time: write it as 2026-01-31T12"):
        parse_time("noon")


def test_the_shell_completes_the_names_of_use_cases(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    monkeypatch.setenv("SIXGATE_ROOT", str(ROOT))
    assert use_case_names("fr") == ["fraud"]
    assert use_case_names("loa") == []
