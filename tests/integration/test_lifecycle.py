"""The lifecycle's steps on a real database and a real registry: trained, gated, promoted, drifted, retrained, explained."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.context import Context, context
from pipelines.errors import (
    DataError,
    EvidenceError,
    ModelRejected,
    ParameterError,
    PromotionRefused,
    SixgateError,
    StepSkipped,
    UnknownPrediction,
)
from pipelines.ingestion import ingest
from pipelines.records import Label, Prediction
from pipelines.rules.data.row_checks import snapshot_schema
from pipelines.rules.model.bundle import KnownAnswers
from pipelines.rules.promotion.champion_guard import on_probation
from pipelines.rules.promotion.ledger import champion
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT, Settings
from pipelines.steps import perform
from pipelines.steps.promotion.select_rollback import BY_GUARD
from pipelines.steps.retraining.shadow_evaluate import replay
from pipelines.stores.dataset import features_of
from pipelines.stores.estimators import read_explainer
from pipelines.stores.labels import LabelStore
from pipelines.stores.predictions import PredictionLog, time_of
from pipelines.stores.registered_model import RegisteredModel
from pipelines.stores.registry_client import CHALLENGER, RegistryClient
from serving.journal.journal import JournalLine, JournalRow
from serving.journal.prediction_ids import uuid7
from stack.demo.shipped_baselines import SEED, as_snapshot
from stack.demo.simulator import World, simulate
from tests.integration.logged import rewrite

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def settings(
    database_url: str, mlflow_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    return Settings(
        home=tmp_path_factory.mktemp("home"), database_url=database_url, mlflow_tracking_uri=mlflow_uri,
        policy_overlay=ROOT / "stack" / "policy.demo.yaml",
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(settings: Settings) -> Run:
    """Run steps in their order, as a DAG would; returns the last one's result."""

    def run(
        run_id: str,
        *steps: str,
        as_of: datetime | None = None,
        trigger: str = "manual",
        **params: Any,
    ) -> Any:
        result = None
        for step in steps:
            wired = context(
                settings,
                "fraud",
                run_id,
                as_of or datetime.now(UTC),
                trigger=trigger,
                params=params,
            )
            result = perform(step, wired)
        return result

    return run


@pytest.fixture
def wired(settings: Settings) -> Iterator[Context]:
    found = context(settings, "fraud", "looking", datetime.now(UTC))
    yield found
    found.close()


RETRAIN = ("check_conditions", "validate_data", "train", "shadow_evaluate", "approve")
PROMOTE = ("final_validation", "promote")


@pytest.fixture(scope="module")
def first(settings: Settings, run: Run) -> dict[str, Any]:
    """The first model: trained on the reference, approved, promoted."""
    approved = run("first", *RETRAIN)
    with RegistryClient.of(settings) as production:
        assert production.version("fraud", CHALLENGER) == 1 and production.version("fraud") is None
    run("first-promotion", *PROMOTE, decision_id=approved["decision_id"])
    return dict(approved)


@pytest.fixture(scope="module")
def traffic(settings: Settings, first: dict[str, Any]) -> list[Prediction]:
    """A quiet and an attacked week, answered by the champion and logged; two thirds get labels."""
    wired = context(settings, "fraud", "traffic", datetime.now(UTC))
    transactions = simulate(traffic_world())
    turn = np.datetime64((TODAY - timedelta(days=7)).replace(tzinfo=None))
    order = np.random.default_rng(5)
    before = order.permutation(np.flatnonzero(transactions.event_time < turn))[:2500]
    after = order.permutation(np.flatnonzero(transactions.event_time >= turn))[:3500]
    now = datetime.now(UTC)
    predictions = []
    for rows, scored in ((before, now - timedelta(minutes=5)), (after, now - timedelta(seconds=1))):
        predictions += answered(
            wired, as_snapshot(transactions.take(rows), wired.use_case.contract), scored
        )
    with wired.connection.transaction():
        assert PredictionLog(wired.connection).record(as_lines(predictions)) == len(predictions)
    labels = dict(
        zip(transactions.transaction_id.tolist(), transactions.label.tolist(), strict=True)
    )
    known = [
        Label(transaction_id=p.transaction_id, label=labels[p.transaction_id], labelled_at=now)
        for p in predictions
    ]
    receipt = LabelStore(wired.connection).record("fraud", known[::3] + known[1::3], source="test")
    assert receipt.accepted == len(known[::3]) + len(known[1::3])
    wired.close()
    return predictions


def traffic_world() -> World:
    turn = TODAY - timedelta(days=7)
    return World(
        seed=SEED,
        start=TODAY - timedelta(days=14),
        days=14,
        drift=frozenset({"attack"}),
        drift_from=turn,
    )


def as_lines(predictions: list[Prediction]) -> list[bytes]:
    """As the scoring server's journal keeps them."""
    lines = []
    for prediction in predictions:
        fields = asdict(prediction) | {"prediction_id": str(prediction.prediction_id)}
        row = JournalRow(**{name: fields.pop(name) for name in JournalRow.__struct_fields__})
        lines.append(JournalLine(**fields, rows=[row]))
    return [msgspec.json.Encoder().encode_lines(lines)]


def answered(wired: Context, table: Any, scored_at: datetime) -> list[Prediction]:
    """What the server would have logged for these rows."""
    contract, model = wired.use_case.contract, wired.models.get("fraud", 1)
    features = Deriver(contract)(features_of(table, contract))
    scores = RegisteredModel(wired.settings, model, contract).scores(features)
    moment = scored_at.replace(microsecond=scored_at.microsecond // 1000 * 1000)
    millis = int(moment.timestamp() * 1000)
    return [
        Prediction(
            prediction_id=UUID(int=(millis << 80) | (7 << 76) | (2 << 62) | (hash(row["transaction_id"]) & (2**60 - 1))),
            scored_at=moment, use_case="fraud", transaction_id=row["transaction_id"], entity_key=row["entity_key"],
            event_time=row["event_time"], model_version=1, contract_hash=contract.hash, features=features[at].tolist(),
            score=float(scores[at]), predicted_label=int(scores[at] >= model.threshold), threshold=model.threshold,
            replica="test",
        )
        for at, row in enumerate(table.to_pylist())
    ]  # fmt: skip


@pytest.fixture
def ingested(wired: Context) -> Iterator[Callable[[pa.Table], str]]:
    """Snapshots that only this test has."""
    names: list[str] = []

    def save(table: pa.Table) -> str:
        names.append(wired.artifacts.save("snapshots", table))
        return names[-1]

    yield save
    for name in names:
        wired.artifacts.path("snapshots", name).unlink()


def in_production(wired: Context) -> int | None:
    with RegistryClient.of(wired.settings) as production:
        return production.version("fraud")


def test_the_first_model_is_judged_by_three_gates_and_promoted(
    wired: Context, first: dict[str, Any]
) -> None:
    decision = wired.decisions.get("fraud", first["decision_id"])
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
    assert [entry.state for entry in reversed(wired.ledger.recent("fraud"))][:2] == [
        "INTENDED",
        "DONE",
    ]
    assert in_production(wired) == 1


def test_a_repeated_step_changes_nothing(wired: Context, run: Run, first: dict[str, Any]) -> None:
    before = asdict(wired.decisions.of_run("fraud", "first"))
    entries = len(wired.ledger.recent("fraud"))
    assert run("first", "train")["version"] == 1
    run("first", "shadow_evaluate")
    assert run("first-promotion", "promote", decision_id=first["decision_id"])["state"] == "DONE"
    assert asdict(wired.decisions.of_run("fraud", "first")) == before
    assert len(wired.ledger.recent("fraud")) == entries


def test_a_registered_model_carries_its_run_dataset_signature_and_files(
    settings: Settings, first: dict[str, Any]
) -> None:
    import mlflow

    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    client = mlflow.MlflowClient()
    version = client.get_model_version("fraud", "1")
    logged = client.get_run(version.run_id)
    assert logged.data.metrics.keys() >= {"average_precision", "roc_auc", "brier", "f1"}
    trained, judged = sorted(
        logged.inputs.dataset_inputs, key=lambda each: each.dataset.name, reverse=True
    )
    assert (trained.dataset.name, judged.dataset.name) == ("fraud-training", "fraud-evaluation")
    lineage = {tag.key: tag.value for tag in trained.tags}
    assert (
        lineage.items()
        >= {"mlflow.data.context": "training", "rows": "21000", "history": "reference"}.items()
    )
    assert lineage["from"] < lineage["tune_from"] < lineage["to"]
    assert (
        Path(json.loads(trained.dataset.source)["uri"]).name == f"{trained.dataset.digest}.parquet"
    )
    assert version.tags.keys() >= {"contract_hash", "digest", "threshold", "git_sha", "stage"}
    assert version.description.startswith("# ")
    assert version.aliases == ["production"], "no candidate any more"
    figures = {file.path for file in client.list_artifacts(version.run_id, "figures")}
    assert len(figures) == 5
    below = {run.data.tags["mlflow.runName"]: run for run in runs_below(client, logged.info)}
    assert below.keys() == {"logistic", "xgboost"}
    tried = runs_below(client, below["xgboost"].info)
    assert len(tried) == 4, "as many as the policy's trials"
    assert all(
        "average_precision" in run.data.metrics and "max_depth" in run.data.params for run in tried
    )
    model = mlflow.pyfunc.load_model("models:/fraud/1")
    assert model.metadata.signature is not None
    assert model.input_example["features"].shape == (5, 18)
    score = model.predict(np.zeros((2, 18), np.float32))
    assert np.asarray(list(score.values()) if isinstance(score, dict) else score).size == 2


def runs_below(client: Any, info: Any) -> list[Any]:
    """The nested runs of an MLflow run."""
    found = client.search_runs([info.experiment_id], f"tags.mlflow.parentRunId = '{info.run_id}'")
    return list(found)


def test_the_alias_and_the_ledger_agree_after_a_promotion_that_was_cut_off(
    wired: Context, run: Run, first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.steps.promotion import model_swap, promote

    decision = wired.decisions.get("fraud", first["decision_id"])
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        wired.connection.execute("DELETE FROM promotions WHERE use_case = 'fraud'")
    monkeypatch.setattr(promote, "promotion_id", lambda use_case, number: UUID(int=number))
    monkeypatch.setattr(promote, "why_promotion_refused", lambda *_, **__: None)
    monkeypatch.setattr(
        model_swap, "_wait_for_replicas", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        run("cut", "promote", decision_id=decision.id)
    states = [entry.state for entry in wired.ledger.of(UUID(int=decision.id))]
    assert states == ["INTENDED"]
    monkeypatch.setattr(model_swap, "_wait_for_replicas", lambda *_: "acknowledged")
    run("cut", "promote", decision_id=decision.id)
    assert [entry.state for entry in wired.ledger.of(UUID(int=decision.id))] == ["INTENDED", "DONE"]
    assert in_production(wired) == decision.challenger_version


def test_logged_predictions_are_found_by_id_once_and_again(
    wired: Context, traffic: list[Prediction]
) -> None:
    with wired.connection.transaction():
        assert wired.predictions.record(as_lines(traffic[:10])) == 0
    found = wired.predictions.get("fraud", traffic[0].prediction_id)
    assert (found.score, found.scored_at) == (traffic[0].score, time_of(found.prediction_id))
    with pytest.raises(UnknownPrediction):
        wired.predictions.get("fraud", UUID(int=7 << 76))
    named = wired.connection.execute(
        "SELECT amount, amount_to_mean_30d FROM fraud_predictions WHERE prediction_id = %s",
        (found.prediction_id,),
    ).fetchone()
    assert named == {"amount": found.features[0], "amount_to_mean_30d": found.features[15]}


def test_labels_are_idempotent_and_corrections_are_kept(wired: Context) -> None:
    now = datetime.now(UTC)
    label = Label(transaction_id="corrected", label=0, labelled_at=now)
    changed = Label(transaction_id="corrected", label=1, labelled_at=now)
    store = LabelStore(wired.connection)
    receipts = [
        asdict(store.record("other", [one], source="test")) for one in (label, label, changed)
    ]
    assert receipts == [
        {"accepted": 1, "corrected": 0, "duplicate": 0},
        {"accepted": 0, "corrected": 0, "duplicate": 1},
        {"accepted": 0, "corrected": 1, "duplicate": 0},
    ]
    rows = wired.connection.execute(
        "SELECT label FROM current_labels WHERE use_case = 'other'"
    ).fetchall()
    history = wired.connection.execute(
        "SELECT label FROM label_store WHERE use_case = 'other' ORDER BY id"
    ).fetchall()
    assert ([row["label"] for row in rows], [row["label"] for row in history]) == ([1], [0, 1])


def test_drift_is_counted_once_and_the_attack_is_severe_while_the_week_before_is_quiet(
    wired: Context, run: Run, traffic: list[Prediction]
) -> None:
    assert run("check", "roll_up")["rows"] == len(traffic)
    assert run("check", "roll_up")["rows"] == 0
    quiet = max(p.scored_at for p in traffic[:2500]) + timedelta(seconds=6)
    assert run("quiet", "measure", "alert", as_of=quiet)["alerts"] == {}
    with pytest.raises(StepSkipped):
        run("quiet", "wake_retraining", as_of=quiet)
    attacked = max(p.scored_at for p in traffic) + timedelta(seconds=5)
    found = run("attacked", "measure", "alert", as_of=attacked)
    assert (
        found["alerts"]["feature_drift"] == "ALERT"
    )  # all of it falls into one step, and severe needs two
    assert (
        found["alerts"]["performance"] == "SEVERE"
    )  # by the labels that came: the attack is not found
    figures = {(m.feature, m.metric): m for m in wired.metrics.of_check("fraud", "attacked")}
    assert figures["amount", "psi"].value > figures["amount", "psi"].expected
    assert 0 < figures["", "positive_rate"].value < figures["", "score_entropy"].value < 1
    assert figures["", "score_mean"].n == len(traffic[2500:])
    assert figures["", "score_drifted"].model_version == 1
    with pytest.raises(StepSkipped, match="a newer drift check exists"):
        run("an old one again", "measure", "alert", as_of=quiet)
    with pytest.raises(StepSkipped, match="ahead of the database's clock"):
        run("tomorrow", "measure", "alert", as_of=attacked + timedelta(days=1))
    opened = {alert.cause: alert.state for alert in wired.alerts.open("fraud")}
    assert opened["feature_drift"] == "OPEN"
    wired.connection.execute("DELETE FROM monitoring_metrics")
    assert run("quiet again", "measure", "alert", as_of=quiet)["alerts"] == {}
    assert "feature_drift" not in {alert.cause for alert in wired.alerts.open("fraud")}


def test_a_challenger_that_learned_the_attack_beats_the_champion_and_is_promoted(
    wired: Context, run: Run, traffic: list[Prediction]
) -> None:
    approved = run("second", *RETRAIN, trigger="asset_triggered")
    decision = wired.decisions.get("fraud", approved["decision_id"])
    assert (decision.trigger, decision.evidence_source, decision.champion_version) == (
        "DRIFT",
        "LOGGED",
        1,
    )
    assert {gate["outcome"] for gate in decision.gates or []} == {"PASS"}
    rows = wired.connection.execute(
        "SELECT gate, outcome FROM gate_decisions WHERE decision_id = %s", (decision.id,)
    ).fetchall()
    assert len(rows) == 6
    review = run("second-promotion", "needs_review")
    assert (review["decision_id"], review["next"]) == (decision.id, "final_validation")
    run(
        "second-promotion",
        "review",
        decision_id=decision.id,
        approved=True,
        reviewer="ana",
        comment="the attack is real",
    )
    done = run(
        "second-promotion", *PROMOTE, decision_id=decision.id, evidence_hash=decision.evidence_hash
    )
    assert done["version"] == decision.challenger_version
    served = wired.connection.execute("SELECT version FROM what_served('fraud', now())").fetchone()
    assert served == {"version": decision.challenger_version}
    assert [(e.state, e.actor) for e in wired.ledger.recent("fraud")][:2] == [
        ("DONE", "ana"),
        ("INTENDED", "ana"),
    ]
    reviewed = wired.decisions.get("fraud", decision.id)
    assert (reviewed.reviewer, reviewed.review_comment) == ("ana", "the attack is real")


def test_a_decision_is_judged_again_to_the_same_verdict_whatever_was_corrected_since(
    wired: Context, run: Run, traffic: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = wired.decisions.of_run("fraud", "second")
    flipped = [
        Label(transaction_id=p.transaction_id, label=1 - p.predicted_label, labelled_at=TODAY)
        for p in traffic[:500]
    ]
    LabelStore(wired.connection).record("fraud", flipped, source="a late correction")
    assert replay(wired, decision).differences == []
    monkeypatch.setenv("SIXGATE_DATABASE_URL", wired.settings.database_url)
    monkeypatch.setenv("SIXGATE_HOME", str(wired.settings.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", wired.settings.mlflow_tracking_uri)
    again = ["decisions", "replay", str(decision.id)]
    same = CliRunner().invoke(app.app, again)
    assert same.exit_code == 0, same.output
    assert "the same as recorded: APPROVED" in same.output
    stricter = {**decision.policy, "gates": {**decision.policy["gates"], "recall": 0.9999}}
    rewrite(
        wired.connection,
        "UPDATE decision_records SET policy = %s WHERE id = %s",
        (Jsonb(stricter), decision.id),
    )
    other = CliRunner().invoke(app.app, [*again, "--json"])
    assert other.exit_code == 1
    assert json.loads(other.output)["differences"] == [
        "recall: outcome was PASS, is FAIL", "recall: threshold was 0.4, is 0.9999", "the verdict was APPROVED, is REJECTED"
    ]  # fmt: skip
    rewrite(
        wired.connection,
        "UPDATE decision_records SET policy = %s WHERE id = %s",
        (Jsonb(decision.policy), decision.id),
    )
    with pytest.raises(EvidenceError, match="was never judged by gates"):
        replay(wired, replace(decision, gates=None))
    back = [
        Label(transaction_id=label.transaction_id, label=1 - label.label, labelled_at=TODAY)
        for label in flipped
    ]
    LabelStore(wired.connection).record("fraud", back, source="a correction of the correction")


def test_a_decided_run_whose_tasks_are_cleared_keeps_its_record(
    wired: Context, run: Run, first: dict[str, Any]
) -> None:
    before = wired.decisions.of_run("fraud", "first")
    now = champion(wired.ledger.recent("fraud"))
    assert now is not None
    assert now.version != before.champion_version, "the champion has changed since"
    assert run("first", "check_conditions") == {"decision_id": before.id}
    again = run("first", "validate_data")
    assert before.dataset is not None
    assert again["holdout"] == before.dataset["holdout"]
    assert run("first", "train")["version"] == before.challenger_version
    assert run("first", "shadow_evaluate") == {"decision_id": before.id, "verdict": "APPROVED"}
    assert wired.decisions.of_run("fraud", "first") == before
    assert replay(wired, before).differences == []


def test_the_promotion_of_a_decision_that_is_finished_asks_nobody_and_changes_nothing(
    wired: Context, run: Run, first: dict[str, Any]
) -> None:
    second = wired.decisions.of_run("fraud", "second")
    entries = wired.ledger.recent("fraud", limit=100)
    with pytest.raises(
        StepSkipped,
        match=rf"decision {first['decision_id']} was promoted at .* another model replaced it since",
    ):
        run("too late", "needs_review", decision_id=first["decision_id"])
    for reviewer, approved in (("bea", False), (None, False), ("bea", True)):
        with pytest.raises(
            PromotionRefused, match=r"was approved by ana at .* the first answer stands"
        ):
            run(
                "another answer",
                "review",
                decision_id=second.id,
                approved=approved,
                reviewer=reviewer,
            )
    with pytest.raises(PromotionRefused, match=r"has been DONE since .* changes nothing"):
        run("too late", "review", decision_id=first["decision_id"], approved=False, reviewer="bea")
    with pytest.raises(
        EvidenceError,
        match=rf"is about decision {first['decision_id']}, not decision {second.id}",
    ):
        run("too late", "review", decision_id=second.id, approved=True, reviewer="bea")
    assert wired.decisions.of_run("fraud", "second") == second
    assert wired.ledger.recent("fraud", limit=100) == entries
    serving = run("repair", "needs_review", decision_id=second.id)
    assert serving["next"] == "final_validation", (
        "who serves is verified and pointed to again, without a second review"
    )


def test_a_decision_is_judged_again_after_a_column_was_added(
    wired: Context, run: Run, first: dict[str, Any]
) -> None:
    contract = wired.use_case.contract
    added = msgspec.structs.replace(contract.features[0], name="brand_new")
    wider = replace(
        wired.use_case,
        contract=msgspec.structs.replace(contract, features=(*contract.features, added)),
    )
    assert wider.contract.hash != contract.hash
    changed = replace(wired, use_case=wider)
    try:
        assert replay(changed, wired.decisions.get("fraud", first["decision_id"])).differences == []
        with pytest.raises(SixgateError):
            perform(
                "final_validation", replace(changed, params={"decision_id": first["decision_id"]})
            )
    finally:
        changed.close()


def test_an_equal_challenger_is_kept_out_and_an_old_decision_is_not_carried_out(
    wired: Context, run: Run, traffic: list[Prediction], first: dict[str, Any]
) -> None:
    with pytest.raises(StepSkipped, match="REJECTED: f1_improvement"):
        run("third", *RETRAIN)
    with pytest.raises(StepSkipped):
        run("third", "approve")
    rejected = wired.decisions.of_run("fraud", "third")
    with pytest.raises(PromotionRefused, match=r"superseded|not APPROVED"):
        run("third-promotion", "promote", decision_id=rejected.id)
    assert wired.ledger.recent("fraud")[0].state == "REFUSED"
    again = run("first-promotion", "promote", decision_id=first["decision_id"])
    assert again["note"] == "another model was promoted since"
    assert (newest := wired.ledger.newest("fraud")) is not None
    assert in_production(wired) == newest.to_version
    assert newest.state == "DONE"


def test_final_validation_notices_evidence_that_changed(
    wired: Context, run: Run, first: dict[str, Any]
) -> None:
    rewrite(
        wired.connection,
        "UPDATE decision_records SET evidence_hash = 'other' WHERE id = %s",
        (first["decision_id"],),
    )
    with pytest.raises(EvidenceError, match="other evidence"):
        run("changed", "final_validation", decision_id=first["decision_id"])


def test_a_model_that_is_too_slow_for_the_policy_or_not_what_was_trained_never_serves(
    wired: Context, traffic: list[Prediction], overwrite: Callable[[str, int, str, bytes], None]
) -> None:
    decision = next(
        one for one in wired.decisions.recent("fraud", limit=50) if one.challenger_version == 2
    )

    def tried(limits: Any, **params: int) -> Any:
        policy = msgspec.structs.replace(wired.use_case.policy, final_validation=limits)
        return perform(
            "final_validation",
            replace(wired, use_case=replace(wired.use_case, policy=policy), params=params),
        )

    limits = wired.use_case.policy.final_validation
    told = tried(limits, decision_id=decision.id)
    assert (told["decision_id"], told["requests"]) == (decision.id, 1000)
    with RegistryClient.of(wired.settings) as production:
        content = production.warm_up("fraud", 2)
        own, others = (
            production.fetch("fraud", version, ["explain.ubj"])["explain.ubj"] for version in (2, 1)
        )
    assert msgspec.json.decode(content or b"", type=KnownAnswers).matrix().shape == (
        1000,
        len(wired.use_case.contract.columns),
    )
    tight = msgspec.structs.replace(limits, p99=timedelta(microseconds=1), memory_mb=1)
    with pytest.raises(
        ModelRejected,
        match=r"p99 is .* ms per request, more than 0.001 ms; a worker with it needs .* MB",
    ):
        tried(tight, decision_id=decision.id)
    assert tried(tight, version=1)["version"] == 1, "the way back is open"
    overwrite("fraud", 2, "explain.ubj", others)
    with pytest.raises(ModelRejected, match=r"version 2 may not serve: explain.ubj can't be used"):
        tried(limits, decision_id=decision.id)
    assert tried(limits, version=2)["version"] == 2, "the way back does not depend on what explains"
    overwrite("fraud", 2, "explain.ubj", own)


def test_a_row_beyond_what_float32_holds_is_tried_as_it_was_answered(
    wired: Context, traffic: list[Prediction]
) -> None:
    contract, model = wired.use_case.contract, wired.models.get("fraud", 1)
    raw = np.full((1, len(contract.raw)), 1.0)
    raw[0, contract.raw.index("amount")], raw[0, contract.raw.index("customer_mean_amount_30d")] = (
        1e5,
        1e-300,
    )
    features = Deriver(contract)(raw)
    assert features.max() > 1e300
    with RegistryClient.of(wired.settings) as production:
        trained = production.fetch("fraud", 1, ["explain.ubj"])["explain.ubj"]
    replayed = RegisteredModel(wired.settings, model, contract)
    explainer = read_explainer(model.kind, trained, replayed.bundle.calibration, None)
    expected = explainer.scores(features)
    np.testing.assert_allclose(replayed.scores(features), expected, atol=1e-5)


def test_a_snapshot_of_a_former_contract_is_named_and_hinders_nobody_else(
    wired: Context, run: Run, traffic: list[Prediction], ingested: Callable[[pa.Table], str]
) -> None:
    table = as_snapshot(simulate(traffic_world()), wired.use_case.contract)
    former = ingested(table.drop_columns(["amount"]))
    with pytest.raises(
        EvidenceError,
        match="ingested under a former contract of fraud: it has no amount: ingest it again",
    ):
        run("former", "check_conditions", "validate_data", snapshot=former)
    damaged = wired.artifacts.path("snapshots", "damaged")
    damaged.write_bytes(b"PAR1 and no more")
    run("unhindered", "check_conditions", "validate_data")
    damaged.unlink()


def test_flagged_predictions_are_explained_by_the_version_that_scored_them_and_a_poisoned_row_fails_alone(
    wired: Context, run: Run, traffic: list[Prediction]
) -> None:
    poisoned = next(p for p in traffic if p.predicted_label)
    wired.connection.execute(
        "UPDATE prediction_logs SET score = 0.123 WHERE prediction_id = %s AND scored_at = %s",
        (poisoned.prediction_id, poisoned.scored_at),
    )
    for attempt in range(3):
        chunks = run(f"explain-{attempt}", "plan")
        results = [run(f"explain-{attempt}", "explain", **chunk) for chunk in chunks]
        assert sum(result["failed"] for result in results) == 1
    with pytest.raises(StepSkipped, match="is explained"):
        run("explain-9", "plan")
    failed = wired.explanations.get("fraud", poisoned.prediction_id)
    assert failed is not None
    assert (failed.status, failed.attempts) == ("FAILED", 3)
    assert "the logged score is 0.123000: version 1 did not score these features" in str(
        failed.error
    )
    flagged = [
        p for p in traffic if p.predicted_label and p.prediction_id != poisoned.prediction_id
    ]
    found = wired.explanations.get("fraud", flagged[0].prediction_id)
    assert found is not None
    assert found.contributions is not None
    assert found.base_value is not None
    margin = found.base_value + sum(found.contributions)
    assert 1 / (1 + np.exp(-margin)) == pytest.approx(flagged[0].score, abs=1e-5)
    assert run("explain-0", "summarise")["counts"]["COMPLETED"] >= len(flagged)
    again = wired.explanations.request(poisoned, select="flagged", sample=0.05)
    assert (again.status, again.attempts) == ("PENDING", 0)


def test_a_run_on_a_snapshot_judges_both_models_on_it(
    wired: Context, run: Run, first: dict[str, Any]
) -> None:
    world = World(seed=99, start=TODAY - timedelta(days=20), days=10, customers=600, terminals=200)
    snapshot = wired.artifacts.save(
        "snapshots", as_snapshot(simulate(world), wired.use_case.contract)
    )
    run("snapshot", *RETRAIN[:4], snapshot=snapshot)
    decision = wired.decisions.of_run("fraud", "snapshot")
    assert (decision.evidence_source, len(decision.gates or [])) == ("INGESTED", 6)
    assert "NOT_APPLICABLE" not in {gate["outcome"] for gate in decision.gates or []}


def test_a_snapshot_of_rows_that_trained_the_champion_is_judged_with_a_warning(
    wired: Context, run: Run, first: dict[str, Any], ingested: Callable[[pa.Table], str]
) -> None:
    now = champion(wired.ledger.recent("fraud"))
    made = next(
        one
        for one in wired.decisions.recent("fraud", limit=50)
        if now and one.challenger_version == now.version
    )
    known = wired.artifacts.load("datasets", str((made.dataset or {})["train"])).sort_by(
        "event_time"
    )
    table = known.append_column("entity_key", pa.nulls(len(known), pa.string())).select(
        snapshot_schema(wired.use_case.contract).names
    )
    run("seen before", "check_conditions", "validate_data", snapshot=ingested(table))
    dataset = wired.decisions.of_run("fraud", "seen before").dataset or {}
    held_out = f"{dataset['holdout_rows']:,}"
    assert f"trained on {held_out} of the {held_out} held-out rows" in dataset["warnings"][-1]


def test_a_candidate_that_a_person_rejects_or_nobody_looks_at_is_never_promoted(
    wired: Context, run: Run
) -> None:
    decision = wired.decisions.of_run("fraud", "snapshot")
    rewrite(
        wired.connection,
        "UPDATE decision_records SET verdict = 'APPROVED' WHERE id = %s",
        (decision.id,),
    )
    asked = """UPDATE decision_records SET params = params || '{"require_review": true}' WHERE id = %s"""
    rewrite(wired.connection, asked, (decision.id,))
    with pytest.raises(
        PromotionRefused, match=rf"decision {decision.id} needs a review: trigger fraud_promotion"
    ):
        run("in a shell", "promote", decision_id=decision.id)
    serving = in_production(wired)
    wired.decisions.record_review(
        "fraud", decision.id, reviewer="ana", approved=False, comment="not on a Friday"
    )
    with pytest.raises(
        StepSkipped, match="was rejected by ana"
    ):  # the step that rejects was killed before it said so
        run("cut off", "needs_review", decision_id=decision.id)
    run(
        "rejection",
        "review",
        decision_id=decision.id,
        approved=False,
        reviewer="ana",
        comment="not on a Friday",
    )
    refused = wired.ledger.recent("fraud")[0]
    assert (refused.state, refused.actor, refused.reason) == (
        "REFUSED",
        "ana",
        "rejected by ana: not on a Friday",
    )
    with pytest.raises(StepSkipped, match="is already REFUSED: rejected by ana"):
        run("again", "needs_review", decision_id=decision.id)
    with pytest.raises(PromotionRefused, match="REFUSED already"):
        run("again", "promote", decision_id=decision.id)
    with pytest.raises(
        PromotionRefused, match=r"was rejected by ana at .* the first answer stands"
    ):
        run("silence", "review", decision_id=decision.id, approved=False, reviewer=None)
    with pytest.raises(
        PromotionRefused, match=r"was rejected by ana at .* the first answer stands"
    ):
        run("a change of mind", "review", decision_id=decision.id, approved=True, reviewer="bea")
    run(
        "rejection",
        "review",
        decision_id=decision.id,
        approved=False,
        reviewer="ana",
        comment="not on a Friday",
    )
    kept = wired.decisions.get("fraud", decision.id)
    assert (kept.reviewer, kept.review_comment) == ("ana", "rejected: not on a Friday")
    assert in_production(wired) == serving


def test_who_forced_a_run_may_not_approve_what_came_of_it(wired: Context, run: Run) -> None:
    decision = wired.decisions.of_run("fraud", "snapshot")
    forced = """UPDATE decision_records SET params = params || '{"force": true}', requested_by = 'ana' WHERE id = %s"""
    rewrite(wired.connection, forced, (decision.id,))
    rewrite(wired.connection, "DELETE FROM decision_events WHERE decision_id = %s", (decision.id,))
    rewrite(wired.connection, "DELETE FROM promotions WHERE decision_id = %s", (decision.id,))
    with pytest.raises(PromotionRefused, match=r"ana forced the run .* let another person answer"):
        run("own", "review", decision_id=decision.id, approved=True, reviewer="ana")
    assert wired.decisions.get("fraud", decision.id).reviewer is None
    run("other", "review", decision_id=decision.id, approved=True, reviewer="bea")
    assert wired.decisions.get("fraud", decision.id).reviewer == "bea"


def test_a_forced_run_without_a_reason_is_skipped_and_says_why(
    wired: Context, run: Run, first: dict[str, Any]
) -> None:
    with pytest.raises(StepSkipped, match="needs a reason"):
        run("hasty", "check_conditions", force=True)
    decision = wired.decisions.of_run("fraud", "hasty")
    assert (decision.verdict, str(decision.reason)[:6]) == ("SKIPPED", "force:")
    assert (
        wired.decisions.trained_since("fraud", TODAY - timedelta(days=1), but_run_id="hasty") >= 3
    )


def test_a_run_with_too_many_broken_rows_ends_with_its_reason(
    wired: Context, run: Run, first: dict[str, Any]
) -> None:
    world = World(seed=98, start=TODAY - timedelta(days=20), days=2, customers=300, terminals=100)
    table = as_snapshot(simulate(world), wired.use_case.contract)
    broken = table.set_column(table.column_names.index("amount"), "amount", [[-1.0] * len(table)])
    snapshot = wired.artifacts.save("snapshots", broken)
    with pytest.raises(DataError, match="break the contract"):
        run("broken", "check_conditions", "validate_data", snapshot=snapshot)
    decision = wired.decisions.of_run("fraud", "broken")
    assert decision.verdict == "REJECTED"
    (report,) = Path(wired.artifacts.root, "reports").glob("validation-broken.json")
    assert json.loads(report.read_text())["bad_rows"] == len(table)


def test_rows_put_aside_at_ingestion_count_against_the_run_that_trains_on_the_rest(
    wired: Context, run: Run, first: dict[str, Any], tmp_path: Path
) -> None:
    contract = wired.use_case.contract
    world = World(seed=97, start=TODAY - timedelta(days=20), days=2, customers=300, terminals=100)
    table = (
        as_snapshot(simulate(world), contract)
        .to_pandas()
        .rename(columns={"label": contract.label.name})
    )
    table.loc[table.index % 20 == 0, "amount"] = -5.0
    table.rename(columns={"entity_key": contract.entity_key}).to_csv(
        tmp_path / "history.csv", index=False
    )
    taken = ingest(tmp_path / "history.csv", contract, wired.artifacts)
    assert taken.quarantined == (table["amount"] < 0).sum()
    words = f"{taken.quarantined:,} of {len(table):,} rows break the contract, more than 1.0%"
    with pytest.raises(DataError, match=words):
        run("selective", "check_conditions", "validate_data", snapshot=taken.snapshot)
    wired.artifacts.path("snapshots", taken.snapshot).unlink()


def test_data_that_cannot_be_trusted_end_the_run_and_everything_found_is_in_the_report(
    wired: Context, run: Run, traffic: list[Prediction], ingested: Callable[[pa.Table], str]
) -> None:
    """History of transactions that were served: one feature knows the label, another was served otherwise, two are one."""
    contract = wired.use_case.contract
    table = as_snapshot(simulate(traffic_world()), contract)
    changed = {
        "terminal_count_1d": pc.cast(table["label"], pa.float64()),
        "amount": pc.multiply(table["amount"], 1.5),
        "customer_count_7d": table["customer_count_1d"],
    }
    for name, column in changed.items():
        table = table.set_column(table.column_names.index(name), name, column)
    with pytest.raises(DataError, match="the served value differs from the ingested value"):
        run("untrusted", "check_conditions", "validate_data", snapshot=ingested(table))
    decision = wired.decisions.of_run("fraud", "untrusted")
    assert decision.verdict == "REJECTED"
    report = json.loads(
        Path(wired.artifacts.root, "reports", "validation-untrusted.json").read_text()
    )
    found = {(finding["check"], *finding["columns"]): finding for finding in report["findings"]}
    assert {
        ("skew", "amount"),
        ("leak", "terminal_count_1d"),
        ("copy", "customer_count_1d", "customer_count_7d"),
    } <= set(found)
    assert report["rows_logged_and_ingested"] == len(traffic)
    leak = found["leak", "terminal_count_1d"]
    assert {(row["label"], row["terminal_count_1d"]) for row in leak["samples"]} == {(1, 1.0)}
    assert found["skew", "amount"]["samples"][0]["transaction_id"] in {
        p.transaction_id for p in traffic
    }


def test_what_was_served_is_compared_with_whatever_was_ingested_of_the_same_time(
    wired: Context, run: Run, traffic: list[Prediction], ingested: Callable[[pa.Table], str]
) -> None:
    table = as_snapshot(simulate(traffic_world()), wired.use_case.contract)
    at = table.column_names.index("terminal_risk_7d")
    ingested(table.set_column(at, "terminal_risk_7d", pc.multiply(table["terminal_risk_7d"], 0.5)))
    with pytest.raises(
        DataError,
        match=r"terminal_risk_7d: in .* the served value differs from the ingested value",
    ):
        run("skewed", "check_conditions", "validate_data")


def test_an_unknown_snapshot_decision_or_run_is_named(wired: Context, run: Run) -> None:
    with pytest.raises(EvidenceError, match="no snapshot 'gone'"):
        run("gone", "check_conditions", "validate_data", snapshot="gone")
    undecided = wired.decisions.of_run("fraud", "gone")
    assert (undecided.verdict, str(undecided.reason)[:36]) == (
        None,
        "check_conditions failed: no snapshot",
    )
    with pytest.raises(
        SixgateError, match="parameter 'decision_id' is 'abc': it must be a whole number"
    ):
        run("x", "promote", decision_id="abc")
    with pytest.raises(SixgateError, match="param 'decision_id' is None, not a number"):
        run("x", "promote")
    with pytest.raises(ParameterError, match="did you mean 'require_review'"):
        run("misspelt", "check_conditions", requre_review=True)
    with pytest.raises(EvidenceError):
        wired.decisions.of_run("fraud", "misspelt")
    with pytest.raises(SixgateError, match="param 'chunk' is None, not a text"):
        run("x", "explain")
    with pytest.raises(EvidenceError, match="has no decision 999"):
        run("x", "final_validation", decision_id=999)
    with pytest.raises(EvidenceError, match="run its check_conditions step first"):
        run("never", "train")


def test_partitions_are_made_ahead_and_dropped_when_old(wired: Context) -> None:
    assert wired.connection.execute(
        "SELECT ensure_partitions('2020-01-01', 3) AS n"
    ).fetchone() == {"n": 3}
    assert wired.connection.execute(
        "SELECT ensure_partitions('2020-01-01', 3) AS n"
    ).fetchone() == {"n": 0}
    assert wired.connection.execute("SELECT drop_partitions('2020-01-03') AS n").fetchone() == {
        "n": 2
    }


def test_a_new_champion_that_breaks_its_promise_wakes_the_way_back(
    wired: Context, run: Run, traffic: list[Prediction]
) -> None:
    promotion = on_probation(wired.ledger.recent("fraud"))
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
    with wired.connection.transaction():
        assert PredictionLog(wired.connection).record(as_lines(missed)) == 300
    truth = [
        Label(transaction_id=p.transaction_id, label=int(n % 5 == 0), labelled_at=now)
        for n, p in enumerate(missed)
    ]
    LabelStore(wired.connection).record("fraud", truth, source="test")
    run("guard-loud", "roll_up")
    woken = run("guard-loud", "guard")
    assert f"version {promotion.to_version} finds 0 of 60 positives" in woken["message"]
    (alert,) = [alert for alert in wired.alerts.recent("fraud") if alert.cause == "guard"]
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
    assert in_production(wired) == promotion.from_version
    with pytest.raises(StepSkipped, match="was already rolled back"):
        run("way-back-again", "select_rollback", trigger="asset_triggered")
    with pytest.raises(StepSkipped, match="no champion was promoted in the last"):
        run("guard-after", "guard")
    assert [a.state for a in wired.alerts.recent("fraud") if a.cause == "guard"] == ["RESOLVED"]
