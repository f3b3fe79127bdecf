"""`sixgate check` lists every fault, exits with 2 while there is one, and needs no service."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.exit_codes import OK, REFUSED
from pipelines.settings import ROOT


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The policy of a use case fraud in a root without services."""
    shutil.copytree(ROOT / "reference", tmp_path / "reference")
    monkeypatch.setenv("SIXGATE_ROOT", str(tmp_path))
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIXGATE_DATABASE_URL", "postgresql://someone@127.0.0.1:1/none")
    monkeypatch.delenv("SIXGATE_POLICY_OVERLAY", raising=False)
    return tmp_path / "reference" / "fraud" / "policy.yaml"


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments], catch_exceptions=False)


def test_valid_files_have_no_faults(policy: Path) -> None:
    result = check("fraud")
    assert result.exit_code == OK
    assert result.stdout == "fraud: contract, policy and baseline are valid\n"
    assert not (policy.parents[2] / "home").exists(), "nothing is written"


def test_each_fault_is_a_line(policy: Path) -> None:
    policy.write_text("gates: {recall: 2}\ntraining: {trees: none}\n")
    result = check("fraud")
    assert result.exit_code == REFUSED
    recall, trees = result.stdout.splitlines()
    assert recall == "- fraud/policy.yaml: gates.recall: 2 must be a number, from 0 to 1"
    assert trees.startswith("- fraud/policy.yaml: training.trees: 'none' must be a whole number")
    assert result.stderr == "fraud: 2 faults\n"


def test_json_has_the_key_of_each_fault(policy: Path) -> None:
    policy.write_text("gates: {recall: 2}\n")
    result = check("fraud", "--json")
    assert result.exit_code == REFUSED
    document = json.loads(result.stdout)
    assert document["use_case"] == "fraud"
    assert [fault["key"] for fault in document["faults"]] == ["gates.recall"]
