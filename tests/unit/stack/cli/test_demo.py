"""`sixgate demo`: the stacks that it refuses; tests/e2e has the demo itself."""

import shutil
from pathlib import Path

import pytest

from pipelines.errors import DataError, SixgateError
from pipelines.settings import ROOT, Settings
from stack.cli.demo import _require_overlay, demo


def test_a_stack_under_another_policy_is_refused(tmp_path: Path) -> None:
    overlay = tmp_path / "demo.yaml"
    (tmp_path / "sixgate.env").write_text("SIXGATE_POLICY_OVERLAY=\n")
    with pytest.raises(SixgateError, match="run `make down`, then `make demo` again"):
        _require_overlay(Settings(home=tmp_path, policy_overlay=overlay))


def test_a_stack_under_the_same_policy_is_accepted(tmp_path: Path) -> None:
    overlay = tmp_path / "demo.yaml"
    (tmp_path / "sixgate.env").write_text(f"SIXGATE_POLICY_OVERLAY={overlay}\n")
    _require_overlay(Settings(home=tmp_path, policy_overlay=overlay))


@pytest.mark.parametrize(
    ("use_case", "error", "message"),
    [
        pytest.param("cats", SixgateError, "known are fraud, loans", id="not a use case"),
        pytest.param("loans", DataError, "no simulator of loans", id="without a simulator"),
    ],
)
def test_a_use_case_that_cannot_be_simulated_is_refused_before_anything_starts(
    use_case: str,
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("fraud", "loans"):
        shutil.copytree(ROOT / "reference" / "fraud", tmp_path / "reference" / name)
    monkeypatch.setenv("SIXGATE_ROOT", str(tmp_path))
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIXGATE_POLICY_OVERLAY", str(ROOT / "stack" / "policy.demo.yaml"))
    with pytest.raises(error, match=message):
        demo(use_case)
    assert not (tmp_path / "home").exists()
