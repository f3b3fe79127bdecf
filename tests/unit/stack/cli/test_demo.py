"""`sixgate demo`: the stacks that it refuses; tests/e2e has the demo itself."""

from pathlib import Path

import pytest

from pipelines.errors import SixgateError
from pipelines.settings import Settings
from stack.cli.demo import _require_overlay


def test_a_stack_under_another_policy_is_refused(tmp_path: Path) -> None:
    overlay = tmp_path / "demo.yaml"
    (tmp_path / "sixgate.env").write_text("SIXGATE_POLICY_OVERLAY=\n")
    with pytest.raises(SixgateError, match="run `make down`, then `make demo` again"):
        _require_overlay(Settings(home=tmp_path, policy_overlay=overlay))


def test_a_stack_under_the_same_policy_is_accepted(tmp_path: Path) -> None:
    overlay = tmp_path / "demo.yaml"
    (tmp_path / "sixgate.env").write_text(f"SIXGATE_POLICY_OVERLAY={overlay}\n")
    _require_overlay(Settings(home=tmp_path, policy_overlay=overlay))
