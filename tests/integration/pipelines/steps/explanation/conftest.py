"""Two registered models, and a prediction log that holds nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pipelines.context import Context, context
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.settings import Settings
from pipelines.steps import perform
from pipelines.steps.retraining.train import register
from tests.integration.explained import PLAIN, TREES, Logged, Run, drawn, fitted
from tests.integration.logged import rewrite


@pytest.fixture(scope="session")
def models() -> dict[int, Candidate]:
    """Version 1 is XGBoost, version 2 logistic regression, both calibrated."""
    return {
        1: fitted(XGBoostEstimator(), TREES, Calibration(0.8, -0.3)),
        2: fitted(LogisticEstimator(), {}, Calibration(1.1, 0.2)),
    }


@pytest.fixture(scope="module")
def settings(
    database_url: str,
    mlflow_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    models: dict[int, Candidate],
) -> Settings:
    home = tmp_path_factory.mktemp("home")
    overlay = home / "overlay.yaml"
    overlay.write_text("explanation: {sample: 0.25}\n")
    made = Settings(
        home=home, database_url=database_url, mlflow_tracking_uri=mlflow_uri, policy_overlay=overlay
    )
    for version, candidate in models.items():
        wired = context(made, "fraud", f"train-{version}", datetime.now(UTC))
        assert (
            register(wired, candidate, drawn(100, 3), account=PLAIN, data_hash="none").version
            == version
        )
        wired.close()
    return made


@pytest.fixture
def wired(settings: Settings) -> Iterator[Context]:
    found = context(settings, "fraud", "looking", datetime.now(UTC))
    rewrite(
        found.connection,
        "TRUNCATE prediction_logs, explanations, explanation_watermarks, attribution_rollups, decision_records CASCADE",
    )
    yield found
    found.close()


@pytest.fixture
def run(wired: Context) -> Run:
    """Run a step as its process would, at the policy's word with changes."""

    def run(
        step: str, run_id: str = "r", changed: dict[str, Any] | None = None, **params: Any
    ) -> Any:
        again = replace(wired, run_id=run_id, params=params, as_of=datetime.now(UTC))
        if changed:
            policy = again.use_case.policy
            explanation = msgspec.structs.replace(policy.explanation, **changed)
            again.use_case = replace(
                again.use_case, policy=msgspec.structs.replace(policy, explanation=explanation)
            )
        return perform(step, again)

    return run


@pytest.fixture
def log(wired: Context, models: dict[int, Candidate]) -> Logged:
    return Logged(wired, models)
