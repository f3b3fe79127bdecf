"""When a new champion performs worse than its decision promised."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from pipelines.context import Context
from pipelines.errors import (
    StepSkipped,
)
from pipelines.records import Label, Prediction
from pipelines.rules.promotion.champion_guard import on_probation
from pipelines.steps.promotion.select_rollback import BY_GUARD
from pipelines.stores.labels import LabelStore
from pipelines.stores.predictions import PredictionLog, time_of
from serving.journal.prediction_ids import uuid7
from tests.integration.drift_checks import OLD, run
from tests.integration.lifecycle import (
    PROMOTE,
    Run,
    as_lines,
    in_production,
)


def test_the_guard_of_an_old_run_leaves_the_alert_of_the_newest(wired: Context) -> None:
    run(wired, "current", "roll_up", "measure")
    wired.alerts.raise_(
        "fraud", cause="guard", severity="SEVERE", message="now", check_id="current"
    )
    before = wired.alerts.recent("fraud")
    run(wired, "backfill", "roll_up", "measure", as_of=OLD)
    with pytest.raises(StepSkipped, match="a newer drift check exists"):
        run(wired, "backfill", "guard", as_of=OLD)
    assert wired.alerts.recent("fraud") == before


def test_a_new_champion_that_breaks_its_promise_wakes_the_way_back(
    trained: Context, run: Run, traffic: list[Prediction]
) -> None:
    promotion = on_probation(trained.ledger.recent("fraud"))
    assert promotion is not None
    with pytest.raises(StepSkipped, match=r"performs as expected \(0 predictions, 0 labels\)"):
        run("guard-quiet", "guard")
    now = datetime.now(UTC)
    missed = []
    for number, (name, like) in enumerate(
        zip(uuid7(int(now.timestamp() * 1000), 300), traffic, strict=False)
    ):
        changed = {
            "prediction_id": UUID(name),
            "scored_at": time_of(UUID(name)),
            "transaction_id": f"missed-{number}",
        }
        answer = {
            "model_version": promotion.to_version,
            "score": 0.01 + number / 1e5,
            "predicted_label": 0,
        }
        missed.append(replace(like, **changed, **answer))
    with trained.connection.transaction():
        assert PredictionLog(trained.connection).record(as_lines(missed)) == 300
    truth = [
        Label(transaction_id=p.transaction_id, label=int(n % 5 == 0), labelled_at=now)
        for n, p in enumerate(missed)
    ]
    LabelStore(trained.connection).record("fraud", truth, source="test")
    run("guard-loud", "roll_up")
    woken = run("guard-loud", "guard")
    assert f"version {promotion.to_version} finds 0 of 60 positives" in woken["message"]
    (alert,) = [alert for alert in trained.alerts.recent("fraud") if alert.cause == "guard"]
    assert (alert.state, alert.severity) == ("OPEN", "SEVERE")
    found = run("way-back", "select_rollback", trigger="asset_triggered")
    assert (found["version"], found["from_version"]) == (
        promotion.from_version,
        promotion.to_version,
    )
    assert found["reason"] == f"{BY_GUARD}: {woken['message']}"
    assert (
        run("way-back", *PROMOTE, trigger="asset_triggered", **found)["version"] == found["version"]
    )
    assert in_production(trained) == promotion.from_version
    with pytest.raises(StepSkipped, match="was already rolled back"):
        run("way-back-again", "select_rollback", trigger="asset_triggered")
    with pytest.raises(StepSkipped, match="no champion was promoted in the last"):
        run("guard-after", "guard")
    assert [a.state for a in trained.alerts.recent("fraud") if a.cause == "guard"] == ["RESOLVED"]
