"""The verdict of the gates, which a decision keeps."""

import json
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.context import Context
from pipelines.errors import (
    EvidenceError,
)
from pipelines.records import Label, Prediction
from pipelines.rules.promotion.eligibility import promotion_id
from pipelines.rules.promotion.ledger import champion
from pipelines.steps import perform
from pipelines.steps.retraining.shadow_evaluate import replay
from pipelines.stores.labels import LabelStore
from stack.demo.profiles.fraud import PaymentWorld
from stack.demo.shipped_baselines import as_snapshot
from stack.demo.simulator import simulate
from tests.integration.lifecycle import (
    RETRAIN,
    TODAY,
    Run,
)
from tests.integration.logged import rewrite


def test_the_first_model_is_judged_by_three_gates_and_promoted(
    trained: Context, first_id: int
) -> None:
    decision = trained.decisions.get("fraud", first_id)
    outcomes = {gate["name"]: gate["outcome"] for gate in decision.gates or []}
    assert (decision.verdict, decision.evidence_source, decision.trigger) == (
        "APPROVED",
        "REFERENCE",
        "MANUAL",
    )
    assert outcomes == {
        "f1_improvement": "NOT_APPLICABLE", "brier": "NOT_APPLICABLE", "samples": "PASS", "label_coverage": "NOT_APPLICABLE",
        "recall": "PASS", "roc_auc": "PASS",
    }  # fmt: skip
    entries = trained.ledger.of(promotion_id("fraud", decision.id))
    assert [entry.state for entry in entries] == ["INTENDED", "DONE"]


def test_a_decision_is_judged_again_to_the_same_verdict_whatever_was_corrected_since(
    trained: Context, run: Run, traffic: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = trained.decisions.of_run("fraud", "second")
    flipped = [
        Label(transaction_id=p.transaction_id, label=1 - p.predicted_label, labelled_at=TODAY)
        for p in traffic[:500]
    ]
    LabelStore(trained.connection).record("fraud", flipped, source="a late correction")
    assert replay(trained, decision).differences == []
    monkeypatch.setenv("SIXGATE_DATABASE_URL", trained.settings.database_url)
    monkeypatch.setenv("SIXGATE_HOME", str(trained.settings.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", trained.settings.mlflow_tracking_uri)
    again = ["decisions", "replay", str(decision.id)]
    same = CliRunner().invoke(app.app, again)
    assert same.exit_code == 0, same.output
    assert "the same as recorded: APPROVED" in same.output
    stricter = {**decision.policy, "gates": {**decision.policy["gates"], "recall": 0.9999}}
    rewrite(
        trained.connection,
        "UPDATE decision_records SET policy = %s WHERE id = %s",
        (Jsonb(stricter), decision.id),
    )
    other = CliRunner().invoke(app.app, [*again, "--json"])
    assert other.exit_code == 1
    assert json.loads(other.output)["differences"] == [
        "recall: outcome was PASS, is FAIL", "recall: threshold was 0.4, is 0.9999", "the verdict was APPROVED, is REJECTED"
    ]  # fmt: skip
    rewrite(
        trained.connection,
        "UPDATE decision_records SET policy = %s WHERE id = %s",
        (Jsonb(decision.policy), decision.id),
    )
    with pytest.raises(EvidenceError, match="was never judged by gates"):
        replay(trained, replace(decision, gates=None))
    back = [
        Label(transaction_id=label.transaction_id, label=1 - label.label, labelled_at=TODAY)
        for label in flipped
    ]
    LabelStore(trained.connection).record("fraud", back, source="a correction of the correction")


def test_a_decided_run_whose_tasks_are_cleared_keeps_its_record(trained: Context, run: Run) -> None:
    before = trained.decisions.of_run("fraud", "first")
    now = champion(trained.ledger.recent("fraud"))
    assert now is not None
    assert now.version != before.champion_version, "the champion has changed since"
    assert run("first", "check_conditions") == {"decision_id": before.id}
    again = run("first", "validate_data")
    assert before.dataset is not None
    assert again["holdout"] == before.dataset["holdout"]
    assert run("first", "train")["version"] == before.challenger_version
    assert run("first", "shadow_evaluate") == {"decision_id": before.id, "verdict": "APPROVED"}
    assert trained.decisions.of_run("fraud", "first") == before
    assert replay(trained, before).differences == []


def test_a_decision_is_judged_again_after_a_column_was_added(
    trained: Context, first_id: int, run: Run
) -> None:
    contract = trained.use_case.contract
    added = msgspec.structs.replace(contract.features[0], name="brand_new")
    wider = replace(
        trained.use_case,
        contract=msgspec.structs.replace(contract, features=(*contract.features, added)),
    )
    assert wider.contract.hash != contract.hash
    changed = replace(trained, use_case=wider)
    try:
        assert replay(changed, trained.decisions.get("fraud", first_id)).differences == []
        tried = perform("final_validation", replace(changed, params={"decision_id": first_id}))
        assert tried["requests"] > 0
    finally:
        changed.close()


def test_a_run_on_a_snapshot_judges_both_models_on_it(trained: Context, run: Run) -> None:
    world = PaymentWorld(
        seed=99, start=TODAY - timedelta(days=20), days=10, customers=600, terminals=200
    )
    snapshot = trained.artifacts.save(
        "snapshots", as_snapshot(simulate(world), trained.use_case.contract)
    )
    run("snapshot", *RETRAIN[:4], snapshot=snapshot)
    decision = trained.decisions.of_run("fraud", "snapshot")
    assert (decision.evidence_source, len(decision.gates or [])) == ("INGESTED", 6)
    assert "NOT_APPLICABLE" not in {gate["outcome"] for gate in decision.gates or []}
