"""A step's context: parameters by type, and no connection before one is needed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.context import Context, context, git_sha
from pipelines.errors import SixgateError, UseCaseError
from pipelines.settings import Settings

NOW = datetime(2026, 1, 5, tzinfo=UTC)
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def made(home: Path, **params: Any) -> Context:
    settings = Settings(home=home, database_url=NOWHERE)
    return context(settings, "fraud", "r", NOW, params=params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({}, "param 'version' is None, not a number", id="missing"),
        pytest.param({"version": "two"}, "param 'version' is 'two', not a number", id="a word"),
        pytest.param({"version": [2]}, r"param 'version' is \[2\], not a number", id="a list"),
    ],
)
def test_a_parameter_that_is_no_number_is_named_with_its_value(
    tmp_path: Path, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(SixgateError, match=message):
        made(tmp_path, **params).number("version")


@pytest.mark.parametrize("value", [pytest.param(3, id="as JSON"), pytest.param("3", id="as text")])
def test_a_number_is_read_in_either_form(tmp_path: Path, value: object) -> None:
    assert made(tmp_path, version=value).number("version") == 3


@pytest.mark.parametrize(
    ("params", "value"),
    [
        pytest.param({}, "None", id="missing"),
        pytest.param({"reason": ""}, "''", id="empty"),
        pytest.param({"reason": 7}, "7", id="a number"),
    ],
)
def test_a_parameter_that_is_no_text_is_named_with_its_value(
    tmp_path: Path, params: dict[str, Any], value: str
) -> None:
    with pytest.raises(SixgateError, match=f"param 'reason' is {value}, not a text"):
        made(tmp_path, **params).text("reason")


def test_a_context_connects_to_nothing_until_a_store_is_used(tmp_path: Path) -> None:
    wired = made(tmp_path)
    assert wired.name == "fraud"
    assert wired.artifacts.root == tmp_path / "artifacts" / "fraud"
    wired.close()
    assert "connection" not in wired.__dict__


def test_an_unknown_use_case_names_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(UseCaseError, match=r"there is no use case 'cats'.*fraud"):
        context(Settings(home=tmp_path, database_url=NOWHERE), "cats", "r", NOW)


def test_a_step_under_a_copy_of_the_files_logs_what_is_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overlay = tmp_path / "over.yaml"
    overlay.write_text("gates: {recal: 1}")
    settings = Settings(home=tmp_path, database_url=NOWHERE, policy_overlay=overlay)
    copies = settings.last_valid / "fraud"
    copies.mkdir(parents=True)
    for name in ("contract.yaml", "policy.yaml"):
        (copies / name).write_bytes((settings.reference / "fraud" / name).read_bytes())
    with caplog.at_level(logging.WARNING):
        wired = context(settings, "fraud", "r", NOW)
    assert "gates.recal" in caplog.text
    assert wired.use_case.warning


def test_the_commit_is_taken_from_the_environment_or_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIXGATE_GIT_SHA", "abc123")
    settings = Settings(root=tmp_path)
    assert git_sha(settings) == "abc123"
    monkeypatch.delenv("SIXGATE_GIT_SHA")
    assert git_sha(settings) is None, "the folder is no repository"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_sha(settings) is None, "git is not installed"
