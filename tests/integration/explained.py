"""Models to explain, and predictions that they made."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import psycopg
import shap

from pipelines.context import Context
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.interface import Estimator, Params, Rows
from pipelines.rules.training.fitting import Trainer
from pipelines.settings import ROOT
from pipelines.stores.model_registry import Account
from pipelines.stores.predictions import PredictionLog, time_of
from pipelines.use_case import read_policy
from serving.journal.journal import JournalLine, JournalRow
from serving.journal.prediction_ids import uuid7
from tests.integration.logged import CONTRACT

PLAIN = Account(params={}, metrics={}, below=(), figures={}, card="made for a test")
THRESHOLD = 0.5
TREES = {"n_estimators": 120, "max_depth": 4, "learning_rate": 0.1}
ALL = {"select": "all"}
Run = Callable[..., Any]


def drawn(n: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    features = np.round(random.gamma(2, 20, (n, len(CONTRACT.columns))), 3)
    features[random.random(features.shape) < 0.05] = np.nan
    return features


def fitted(estimator: Estimator, params: Params, calibration: Calibration) -> Candidate:
    features = drawn(4000, 1).astype(np.float32)
    known = np.nan_to_num(features)
    noise = np.random.default_rng(2).normal(0, 10, len(known))
    labels = (known[:, 0] * known[:, 5] / 40 + known[:, 2] + noise > 100).astype(np.int8)
    training = msgspec.structs.replace(
        read_policy(ROOT / "reference" / "fraud").training, imbalance="none"
    )
    model = Trainer(training, threads=2).fit(estimator, Rows(features, labels), params)
    return Candidate(
        fitted=model, calibration=calibration, threshold=THRESHOLD, params={}, metrics={}
    )


class Logged:
    """Predictions as servers log them, scored by the models themselves."""

    def __init__(self, wired: Context, models: dict[int, Candidate]) -> None:
        self.connection, self._models = wired.connection, models
        self.features: dict[UUID, np.ndarray] = {}

    def ship(
        self, n: int, version: int = 1, *, seed: int = 4, connection: psycopg.Connection[Any] | None = None,
        features: np.ndarray | None = None,
    ) -> list[UUID]:  # fmt: skip
        rows = drawn(n, seed) if features is None else features
        scores = self._models[version].score(rows.astype(np.float32))
        ids = [UUID(each) for each in uuid7(int(time.time() * 1000), n)]
        kept = [
            JournalRow(
                prediction_id=str(each), transaction_id=str(each), entity_key=None, event_time=time_of(each),
                features=[None if np.isnan(value) else value for value in values], score=float(score),
                predicted_label=int(score >= THRESHOLD),
            )
            for each, values, score in zip(ids, rows.tolist(), scores, strict=True)
        ]  # fmt: skip
        line = JournalLine(scored_at=time_of(ids[0]), use_case="fraud", model_version=version, contract_hash=CONTRACT.hash,
                    threshold=THRESHOLD, replica="test", rows=kept)  # fmt: skip
        to = connection or self.connection
        with to.transaction():
            assert PredictionLog(to).record([msgspec.json.Encoder().encode_lines([line])]) == n
        self.features |= dict(zip(ids, rows, strict=True))
        return ids

    def expected(self, ids: list[UUID], version: int) -> tuple[np.ndarray, float]:
        """What shap itself says of predictions, in log-odds of the calibrated score."""
        candidate, rows = self._models[version], np.array([self.features[each] for each in ids])
        if version == 1:
            explainer = shap.TreeExplainer(candidate.fitted.model)
            values = explainer.shap_values(rows.astype(np.float32))
            base = float(np.ravel(explainer.expected_value)[-1])
        else:
            scaler, regression = (step for _, step in candidate.fitted.model.steps)
            slopes = regression.coef_[0] / scaler.scale_
            intercept = regression.intercept_[0] - slopes @ scaler.mean_
            linear = shap.LinearExplainer((slopes, intercept), scaler.mean_.reshape(1, -1))
            filled = candidate.fitted.preparation(rows.astype(np.float32)).astype(np.float64)
            values = candidate.fitted.preparation.fold(linear.shap_values(filled))
            base = float(linear.expected_value)
        a, b = candidate.calibration.a, candidate.calibration.b
        return a * values, a * base + b


def kept(wired: Context, ids: list[UUID] | None = None) -> dict[UUID, dict[str, Any]]:
    rows = wired.connection.execute("SELECT * FROM explanations").fetchall()
    wanted = None if ids is None else set(ids)
    return {
        row["prediction_id"]: row
        for row in rows
        if wanted is None or row["prediction_id"] in wanted
    }


def day() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - timedelta(days=1), now + timedelta(days=1)
