"""After any change of a contract every step runs, and all logged history stays usable."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
import pytest
import yaml

from pipelines.errors import ModelRejected
from pipelines.rules.monitoring.drift_check import NO_REFERENCE
from pipelines.steps.retraining.shadow_evaluate import replay
from pipelines.stores.baseline import read_baseline
from pipelines.stores.registered_model import RegisteredModel
from stack.demo.shipped_baselines import freeze_snapshot
from tests.integration.changing_use_case import POLICY, SHOP, Change, Shop, drawn
from tests.integration.lifecycle import PROMOTE, RETRAIN
from tests.services import name_of
from tests.thoroughness import THOROUGH

AGE = {"type": "int", "range": [0, 120]}


def feature(name: str, **setting: Any) -> Change:
    """Add a feature, or change settings of one."""

    def change(document: dict[str, Any]) -> None:
        features = document["features"]
        features[name] = {**features.get(name, {}), **setting}

    return change


def removed(document: dict[str, Any]) -> None:
    del document["features"]["items"]
    document["derived"] = {}


def expression(document: dict[str, Any]) -> None:
    document["derived"]["per_item"]["expression"] = "amount * items"


def several(document: dict[str, Any]) -> None:
    feature("channel", values=["store", "web"], unknown="other")(document)
    feature("items", type="float")(document)
    document["features"] = dict(reversed(document["features"].items()))
    document["derived"]["double"] = {"expression": "amount * 2"}


CHANGES = {
    "a nullable feature is added": feature("age", **AGE, nullable=True),
    "a required feature is added": feature("age", **AGE),
    "a range is widened": feature("amount", range=[0, 5000]),
    "a range is narrowed": feature("amount", range=[0, 100], beyond="clip"),
    "a feature becomes nullable": feature("items", nullable=True),
    "a feature is removed": removed,
    "a category is added": feature("channel", values=["phone", "web", "app", "store"]),
    "a category is removed": feature("channel", values=["web", "store"]),
    "an expression changes": expression,
    "a direction is declared": feature("amount", monotone="increasing"),
    "several things change at once": several,
}
SOME = [
    "a required feature is added",
    "a range is narrowed",
    "several things change at once",
]
TRIED = list(CHANGES) if THOROUGH else SOME
SENT = {
    "a range is widened": {"amount": [2000, 40, 90]},
    "a range is narrowed": {"amount": [20, 40, 90]},
}


@pytest.fixture(scope="module")
def first(
    mlflow_uri: str,
    migrated: str,
    copy_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Shop:
    """The first model was trained on a snapshot and answered traffic under the first contract."""
    shop = Shop.new(
        tmp_path_factory.mktemp("shop"),
        database_url=copy_database(migrated),
        mlflow_tracking_uri=mlflow_uri,
    )
    wired = shop.context("looking")
    snapshot = wired.artifacts.save("snapshots", shop.history(1500))
    wired.close()
    approved = shop.run("first", *RETRAIN, snapshot=snapshot)
    version = shop.run("first-promotion", *PROMOTE, decision_id=approved["decision_id"])["version"]
    for part in range(4):
        shop.answer(500, hours_ago=10 - part, version=version, seed=part)
    return shop


@pytest.fixture
def shop(
    first: Shop,
    copy_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Shop:
    """A copy of the first state, whose contract a test may change."""
    root = tmp_path_factory.mktemp("copy") / "root"
    shutil.copytree(first.settings.root, root, symlinks=True)
    settings = first.settings.model_copy(
        update={
            "root": root,
            "home": root / "home",
            "database_url": copy_database(name_of(first.settings.database_url)),
        }
    )
    return Shop(settings)


def drift_check(shop: Shop, run_id: str) -> dict[str, Any]:
    shop.run(run_id, "roll_up")
    shop.run(run_id, "measure")
    return dict(shop.run(run_id, "alert")["alerts"])


def features_of_check(shop: Shop, run_id: str) -> tuple[set[str], set[str]]:
    """The features without a reference, and those that were compared."""
    wired = shop.context("looking")
    metrics = wired.metrics.of_check(SHOP, run_id)
    wired.close()
    without = {metric.feature for metric in metrics if metric.metric == NO_REFERENCE}
    return without, {metric.feature for metric in metrics if metric.metric == "psi"}


def explain(shop: Shop, run_id: str) -> int:
    chunks = shop.run(run_id, "plan")
    results = [shop.run(run_id, "explain", **chunk) for chunk in chunks]
    shop.run(run_id, "summarise", select="all")
    assert [result["failed"] for result in results] == [0] * len(results)
    return sum(result["completed"] for result in results)


@pytest.mark.parametrize("kind", TRIED)
def test_every_step_runs_after_a_change(shop: Shop, kind: str) -> None:
    drift_check(shop, "before")
    baseline = (shop.folder / "manifest.json").read_bytes()
    shop.change(CHANGES[kind])
    for part in range(3):
        shop.answer(300, hours_ago=3 - part, version=1, seed=9 + part, **SENT.get(kind, {}))
    alerts = drift_check(shop, "after")
    without_reference, compared = features_of_check(shop, "after")
    new = {"age"} & set(shop.contract.columns)
    assert without_reference == new
    assert compared == set(shop.contract.columns) - new, "what was removed is measured no more"
    if kind not in SENT:
        assert "feature_drift" not in alerts
    explained = explain(shop, "after")
    assert explained == 2900, "rows of both contracts are explained"

    approved = shop.run(kind, *RETRAIN)
    looking = shop.context("looking")
    decision = looking.decisions.of_run(SHOP, kind)
    dataset = decision.dataset or {}
    assert decision.verdict == "APPROVED"
    assert decision.evidence_source == "LOGGED"
    assert dataset["predictions"] + dataset["train_rows"] >= 2900, "all history is used"
    done = shop.run(f"{kind}-promotion", *PROMOTE, decision_id=approved["decision_id"])
    assert done["state"] == "DONE"

    version = done["version"]
    shop.answer(300, hours_ago=0.1, version=version, seed=20, **SENT.get(kind, {}))
    drift_check(shop, "promoted")
    without_reference, compared = features_of_check(shop, "promoted")
    assert not without_reference, "the evaluation data of the champion are a reference"
    assert compared == set(shop.contract.columns)
    assert explain(shop, "promoted") == 300
    for run_id in ("first", kind):
        recorded = looking.decisions.of_run(SHOP, run_id)
        assert replay(looking, recorded).differences == []
    assert (shop.folder / "manifest.json").read_bytes() == baseline
    table = read_baseline(shop.folder, shop.contract)
    other = shop.folder / "other"
    other.mkdir()
    freeze_snapshot(other, shop.contract, table, "0" * 16)
    looking.close()

    back = {"version": 1, "from_version": version, "reason": "test"}
    assert shop.run("back", *PROMOTE, **back)["version"] == 1


@pytest.mark.parametrize("kind", ["a required feature is added", "a category is removed"])
def test_a_snapshot_of_before_judges_both_models(shop: Shop, kind: str) -> None:
    wired = shop.context("looking")
    snapshot = wired.artifacts.save("snapshots", shop.history(800))
    shop.change(CHANGES[kind])
    run_id = f"snapshot, {kind}"  # the tests share an MLflow server
    shop.run(run_id, *RETRAIN[:4], snapshot=snapshot)
    decision = wired.decisions.of_run(SHOP, run_id)
    assert (decision.evidence_source, decision.champion_version) == ("INGESTED", 1)
    assert len(decision.gates or []) == 6
    assert replay(wired, decision).differences == []
    wired.close()


def test_after_a_direction_was_declared_only_models_that_keep_it_are_trained_and_promoted(
    shop: Shop,
) -> None:
    former = shop.run("free", *RETRAIN)
    policy = POLICY | {"training": {**POLICY["training"], "estimators": ["logistic", "xgboost"]}}
    (shop.folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    shop.change(feature("items", monotone="decreasing"))
    with pytest.raises(
        ModelRejected,
        match=r"may not serve: it was trained without the contract's direction .* of items",
    ):
        shop.run("free-promotion", "final_validation", decision_id=former["decision_id"])

    approved = shop.run("directed", *RETRAIN)
    wired = shop.context("looking")
    decision = wired.decisions.of_run(SHOP, "directed")
    left_out, indirect = (decision.dataset or {})["training"]
    assert left_out == (
        "logistic is not trained: it can't keep the direction (`monotone`) of items"
    )
    assert "per_item, which is computed from it, has no direction" in indirect
    model = wired.models.of_run(SHOP, "directed")
    assert model is not None
    assert model.kind == "xgboost"
    mlflow.set_tracking_uri(shop.settings.mlflow_tracking_uri)
    card = mlflow.artifacts.load_text(f"runs:/{model.mlflow_run_id}/model_card.md")
    assert f"- **Warning** {left_out}" in card
    assert "- **Directions of the score** items decreasing" in card

    rows = np.repeat(drawn(shop.contract, 50, seed=40), 10, axis=0)
    rows = np.column_stack([rows, np.ones(len(rows))])  # the derived feature stays as it is
    rows[:, shop.contract.columns.index("items")] = np.tile(np.arange(10), 50)
    scores = RegisteredModel(shop.settings, model, shop.contract).scores(rows)
    assert np.diff(scores.reshape(50, 10), axis=1).max() <= 1e-6
    done = shop.run("directed-promotion", *PROMOTE, decision_id=approved["decision_id"])
    assert done["state"] == "DONE"
    back = {"version": 1, "from_version": done["version"], "reason": "test"}
    assert shop.run("back-to-free", *PROMOTE, **back)["version"] == 1, "a rollback is urgent"
    wired.close()
