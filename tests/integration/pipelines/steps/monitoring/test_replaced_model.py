"""Alerts about a model end with it, and its traffic opens none about the next champion."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.records import Alert
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.promotion.ledger import Served
from pipelines.stores.baseline import read_manifest
from tests.integration.drift_checks import CHECK, odd_traffic, run
from tests.integration.logged import CONTRACT, Log
from tests.integration.server import Database, enter


def becomes_champion(
    wired: Context, database: Database, version: int, *, replaces: int | None = None
) -> None:
    """A version that was trained on rows like those of the baseline is promoted."""
    digest = str(version) * 64
    manifest = read_manifest(wired.use_case.folder, wired.use_case.contract)
    profile = Reference(
        bins=manifest.name, features=dict(manifest.profiles), importance={}, scores=[]
    )
    wired.models.record_contract(CONTRACT)
    wired.models.record(
        use_case="fraud",
        version=version,
        run_id=f"trained-{uuid4()}",
        mlflow_run_id="none",
        kind="logistic",
        digest=digest,
        contract_hash=CONTRACT.hash,
        threshold=0.5,
        metrics={},
        data_hash="none",
        profile=profile,
    )
    former = Served(replaces, str(replaces) * 64) if replaces else None
    enter(database, uuid4(), "DONE", Served(version, digest), former)


def feature_alerts(wired: Context) -> list[Alert]:
    return [alert for alert in wired.alerts.open("fraud") if alert.cause == "feature_drift"]


@pytest.fixture
def drifted(wired: Context, database: Database) -> Log:
    """Version 1 is the champion, and a severe alert says that its traffic drifted."""
    becomes_champion(wired, database, 1)
    log = odd_traffic(wired)
    severities = run(wired, "before", *CHECK, as_of=datetime.now(UTC))["alerts"]
    assert severities["feature_drift"] == "SEVERE"
    (alert,) = feature_alerts(wired)
    assert alert.model_version == 1
    return log


def test_a_check_resolves_the_alert_of_the_former_model_and_opens_none_on_its_traffic(
    wired: Context, database: Database, drifted: Log
) -> None:
    (alert,) = feature_alerts(wired)
    becomes_champion(wired, database, 2, replaces=1)
    drifted.ship(50, datetime.now(UTC), version=2)
    severities = run(wired, "after", *CHECK, as_of=datetime.now(UTC))["alerts"]
    assert set(severities) == {"data_quality"}, "it is about the traffic, whatever model serves"
    ended = wired.alerts.find(alert.id)
    assert ended is not None
    assert ended.state == "RESOLVED"
    assert (ended.resolution or "").startswith("version 2 replaced version 1 (")
    assert [left.cause for left in wired.alerts.open("fraud")] == ["data_quality"]


def test_drift_in_the_new_champions_own_traffic_is_an_alert_about_it(
    wired: Context, database: Database, drifted: Log
) -> None:
    becomes_champion(wired, database, 2, replaces=1)
    drifted.ship(300, datetime.now(UTC), version=2)
    run(wired, "after", *CHECK, as_of=datetime.now(UTC))
    (alert,) = feature_alerts(wired)
    assert (alert.model_version, alert.severity) == (2, "ALERT")
    assert "against the evaluation data of version 2" in alert.message


def test_a_check_that_measured_before_the_promotion_raises_no_alert_after_it(
    wired: Context, database: Database
) -> None:
    becomes_champion(wired, database, 1)
    odd_traffic(wired)
    as_of = datetime.now(UTC)
    run(wired, "late", "roll_up", "measure", as_of=as_of)
    becomes_champion(wired, database, 2, replaces=1)
    assert "feature_drift" not in run(wired, "late", "alert", as_of=as_of)["alerts"]
    assert feature_alerts(wired) == []
    with pytest.raises(StepSkipped, match="raised no drift or performance alert"):
        run(wired, "late", "wake_retraining", as_of=as_of)


def test_whoever_was_notified_is_notified_of_the_end_with_the_reason(
    wired: Context, database: Database, drifted: Log
) -> None:
    as_of = datetime.now(UTC)
    opened = run(wired, "before", "notify", as_of=as_of)["notifications"]
    run(wired, "before", "notify", as_of=as_of, notified=opened)
    becomes_champion(wired, database, 2, replaces=1)
    drifted.ship(50, datetime.now(UTC), version=2)
    as_of = datetime.now(UTC)
    run(wired, "after", *CHECK, as_of=as_of)
    (notification,) = run(wired, "after", "notify", as_of=as_of)["notifications"]
    assert notification["subject"] == "[RESOLVED] fraud: feature_drift is resolved"
    assert "Resolved: version 2 replaced version 1" in notification["text"]


def test_an_alert_that_became_one_about_another_model_is_not_resolved_with_the_former(
    wired: Context,
) -> None:
    def raise_(version: int) -> Alert:
        return wired.alerts.raise_(
            "fraud", cause="guard", severity="SEVERE", message="m", model_version=version
        )

    former = raise_(1)
    assert raise_(2).id == former.id
    wired.alerts.resolve_replaced(former, "version 2 replaced version 1 (decision 4)")
    (alert,) = wired.alerts.open("fraud")
    assert (alert.id, alert.model_version) == (former.id, 2)
