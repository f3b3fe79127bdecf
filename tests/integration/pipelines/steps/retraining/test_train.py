"""Training by the real steps, with one estimator or several, once for each run."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import yaml

from pipelines.context import Context, context
from pipelines.errors import (
    EvidenceError,
    ModelRejected,
    UseCaseError,
)
from pipelines.rules.training.estimators.interface import OnnxPart
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.settings import ROOT, Settings
from pipelines.steps import perform
from pipelines.steps.retraining import train
from pipelines.stores.estimators import find_estimator
from tests.integration.lifecycle import RETRAIN, Run

DEMO = (ROOT / "stack" / "policy.demo.yaml").read_text()
Retrain = Callable[..., Any]


@pytest.fixture(scope="module")
def retrain(
    database_url: str, mlflow_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Retrain:
    """Run the steps of a retraining under a policy that names estimators; returns the last one's result."""
    home = tmp_path_factory.mktemp("home")

    def retrain(run_id: str, estimators: list[str], *steps: str, **params: Any) -> Any:
        overlay = home / f"{run_id}.yaml"
        changes = yaml.safe_load(DEMO)
        changes["training"]["estimators"] = estimators
        overlay.write_text(yaml.safe_dump(changes))
        settings = Settings(
            home=home,
            database_url=database_url,
            mlflow_tracking_uri=mlflow_uri,
            policy_overlay=overlay,
        )
        result = None
        for step in steps:
            now = datetime.now(UTC)
            result = perform(step, context(settings, "fraud", run_id, now, params=params))
        return result

    return retrain


class Untrue(LogisticEstimator):
    """Its graph leaves the features out."""

    name = "untrue"

    def to_onnx(self, model: Any, columns: int) -> OnnxPart:
        part = super().to_onnx(model, columns)
        for constant in part.constants:
            if constant.name == "slopes":
                constant.raw_data = np.zeros(columns, np.float32).tobytes()
        return part


@pytest.mark.parametrize(
    ("estimators", "message"),
    [
        pytest.param(
            ["forest"], "estimator 'forest' is not installed: installed are lightgbm", id="unknown"
        ),
        pytest.param(
            ["logistic", "untrue"],
            "estimator 'untrue': its ONNX graph gives other scores",
            id="faulty",
        ),
    ],
)
def test_an_estimator_that_can_not_be_used_ends_the_run_by_name(
    retrain: Retrain, estimators: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        train, "find_estimator", lambda name: Untrue() if name == "untrue" else find_estimator(name)
    )
    run_id = f"refused-{estimators[-1]}"
    with pytest.raises((ModelRejected, UseCaseError), match=message):
        retrain(run_id, estimators, *RETRAIN, reference=True)


def test_lightgbm_alone_is_trained_tried_by_the_server_and_promoted(retrain: Retrain) -> None:
    decided = retrain("leaves", ["lightgbm"], *RETRAIN, reference=True)
    assert retrain("leaves", ["lightgbm"], "train")["kind"] == "lightgbm"
    promoted = retrain(
        "promotion", ["lightgbm"], "final_validation", "promote", decision_id=decided["decision_id"]
    )
    assert promoted["state"] == "DONE"


def test_a_run_that_was_never_opened_trains_nothing(run: Run) -> None:
    with pytest.raises(EvidenceError, match="run its check_conditions step first"):
        run("never", "train")


def test_a_repeated_step_changes_nothing(trained: Context, first_id: int, run: Run) -> None:
    before = asdict(trained.decisions.of_run("fraud", "first"))
    entries = len(trained.ledger.recent("fraud"))
    assert run("first", "train")["version"] == 1
    run("first", "shadow_evaluate")
    assert run("first-promotion", "promote", decision_id=first_id)["state"] == "DONE"
    assert asdict(trained.decisions.of_run("fraud", "first")) == before
    assert len(trained.ledger.recent("fraud")) == entries
