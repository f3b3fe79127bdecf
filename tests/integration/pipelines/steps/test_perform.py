"""What a step leaves behind when it can't run."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipelines.cli.step import run_step
from pipelines.context import Context, context
from pipelines.errors import UseCaseError
from pipelines.settings import ROOT, Settings
from pipelines.steps import POLICY_INVALID, perform
from tests.integration.logged import CONTRACT, NOW


def attempt(wired: Context, folder: Path) -> None:
    fresh = context(wired.settings, "fraud", "attempt", NOW)
    fresh.use_case = replace(wired.use_case, folder=folder)
    perform("roll_up", fresh)


def test_a_step_that_fails_in_the_same_way_each_time_opens_an_alert_until_it_succeeds(
    wired: Context, tmp_path: Path
) -> None:
    with pytest.raises(UseCaseError, match="is missing: make a baseline"):
        attempt(wired, tmp_path)
    (alert,) = wired.alerts.open("fraud")
    assert (alert.cause, alert.severity) == ("failed_roll_up", "ALERT")
    assert "manifest.json is missing" in alert.message
    attempt(wired, ROOT / "reference" / "fraud")
    assert wired.alerts.open("fraud") == []


def test_a_step_records_the_contract_so_that_its_rows_stay_readable(wired: Context) -> None:
    wired.connection.execute("DELETE FROM contract_versions")
    wired.connection.execute("DELETE FROM contracts")
    attempt(wired, ROOT / "reference" / "fraud")
    assert wired.models.recorded_contract(CONTRACT.hash) == CONTRACT


def test_a_contract_without_a_valid_copy_opens_an_alert(
    wired: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "reference" / "fraud"
    folder.mkdir(parents=True)
    (folder / "contract.yaml").write_text(yaml.safe_dump({"title": "no features"}))
    settings = wired.settings.model_copy(update={"root": tmp_path, "home": tmp_path / "home"})
    monkeypatch.setattr(Settings, "load", lambda: settings)
    with pytest.raises(UseCaseError):
        run_step(
            "measure",
            "fraud",
            run_id="invalid",
            as_of=NOW,
            trigger="scheduled",
            requested_by=None,
            params={},
        )
    (alert,) = wired.alerts.open("fraud")
    assert alert.cause == POLICY_INVALID
    attempt(wired, ROOT / "reference" / "fraud")
    assert wired.alerts.open("fraud") == []
