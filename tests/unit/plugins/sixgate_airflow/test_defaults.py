"""The policies from which DAGs are built, and what is in force when one is invalid."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sixgate_airflow import defaults

from pipelines.rules.use_case.policy import Policy
from pipelines.settings import ROOT

INVALID = "gates: {recal: 1}\n"


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reference folder of a deployment with the use cases fraud and loans."""
    for name in ("fraud", "loans"):
        shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference" / name)
    for name in ("SIXGATE_USE_CASES", "SIXGATE_POLICY_OVERLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(defaults, "REFERENCE", tmp_path / "reference")
    return tmp_path / "reference"


def names(policies: list[Policy]) -> list[str]:
    return [policy.use_case for policy in policies]


def test_a_valid_deployment_has_a_policy_for_each_use_case_and_no_fault(deployment: Path) -> None:
    assert names(defaults.policies()) == ["fraud", "loans"]
    assert defaults.use_cases() == ["fraud", "loans"]
    assert defaults.faults() == {}


def test_the_settings_select_the_use_cases(
    deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIXGATE_USE_CASES", "loans")
    assert names(defaults.policies()) == ["loans"]
    assert defaults.use_cases() == ["loans"]


def test_an_invalid_use_case_keeps_its_rollback_and_has_a_fault(deployment: Path) -> None:
    (deployment / "loans/policy.yaml").write_text(INVALID)
    assert names(defaults.policies()) == ["fraud"]
    assert defaults.use_cases() == ["fraud", "loans"]
    faults = defaults.faults()
    assert list(faults) == ["loans"]
    assert "recal" in str(faults["loans"])


def test_the_last_valid_policy_is_in_force_and_the_fault_is_still_named(
    deployment: Path, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "home/policies/loans")
    (deployment / "loans/policy.yaml").write_text(INVALID)
    assert names(defaults.policies()) == ["fraud", "loans"]
    assert "last valid" in str(defaults.faults()["loans"])


def test_an_overlay_changes_every_policy(
    deployment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("explanation: {sample: 0.125}\n")
    monkeypatch.setenv("SIXGATE_POLICY_OVERLAY", str(overlay))
    assert [policy.explanation.sample for policy in defaults.policies()] == [0.125, 0.125]
