"""`sixgate policy show` prints the policy in force; `sixgate check` lists what is wrong."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.exit_codes import OK, REFUSED
from pipelines.rules.use_case.policy import parse_policy
from pipelines.settings import ROOT
from pipelines.use_case import keep_valid, read_policy


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root and a home with the use case fraud and the copy of its valid files."""
    shutil.copytree(ROOT / "reference", tmp_path / "reference")
    monkeypatch.setenv("SIXGATE_ROOT", str(tmp_path))
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SIXGATE_POLICY_OVERLAY", raising=False)
    keep_valid(tmp_path / "reference", None, tmp_path / "home" / "policies")
    return tmp_path


def shown(*options: str) -> tuple[str, str]:
    """What the command prints to stdout and to stderr."""
    result = CliRunner().invoke(app, ["policy", "show", *options], catch_exceptions=False)
    assert result.exit_code == OK
    return result.stdout, result.stderr


@pytest.mark.parametrize("options", [(), ("--changed",)])
def test_the_output_is_a_policy_with_the_same_effect(root: Path, options: tuple[str, ...]) -> None:
    stdout, _ = shown(*options)
    policy = parse_policy(yaml.safe_load(stdout), use_case="fraud", file="stdout")
    assert policy == read_policy(ROOT / "reference" / "fraud")


def test_the_overlay_is_part_of_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXGATE_POLICY_OVERLAY", str(ROOT / "stack" / "policy.demo.yaml"))
    stdout, _ = shown("--changed")
    assert "  trees: 150  # default: 300" in stdout.splitlines()


def test_json_names_the_keys_that_have_their_default(root: Path) -> None:
    stdout, _ = shown("--json")
    document = json.loads(stdout)
    assert document["policy"]["gates"]["recall"] == 0.4
    assert "gates.recall" in document["defaults"]
    assert "drift.ignore" not in document["defaults"]


def test_an_invalid_file_is_named_and_the_policy_in_force_is_shown(root: Path) -> None:
    (root / "reference/fraud/policy.yaml").write_text("gates: {recal: 0.9}")
    stdout, stderr = shown()
    assert "did you mean gates.recall?" in stderr
    assert "The last valid policy.yaml of 20" in stderr
    assert "  recall: 0.4  # default" in stdout.splitlines()


def policy_of(root: Path) -> Path:
    return root / "reference" / "fraud" / "policy.yaml"


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments], catch_exceptions=False)


def test_valid_files_have_no_faults(root: Path) -> None:
    result = check("fraud")
    assert result.exit_code == OK
    assert result.stdout == "fraud: contract, policy and baseline are valid\n"


def test_each_fault_is_a_line(root: Path) -> None:
    policy_of(root).write_text("gates: {recall: 2}\ntraining: {trees: none}\n")
    result = check("fraud")
    assert result.exit_code == REFUSED
    recall, trees = result.stdout.splitlines()
    assert recall == "- fraud/policy.yaml: gates.recall: 2 must be a number, from 0 to 1"
    assert trees.startswith("- fraud/policy.yaml: training.trees: 'none' must be a whole number")
    assert result.stderr == "fraud: 2 faults\n"


def test_json_has_the_key_of_each_fault(root: Path) -> None:
    policy_of(root).write_text("gates: {recall: 2}\n")
    result = check("fraud", "--json")
    assert result.exit_code == REFUSED
    document = json.loads(result.stdout)
    assert document["use_case"] == "fraud"
    assert [fault["key"] for fault in document["faults"]] == ["gates.recall"]
