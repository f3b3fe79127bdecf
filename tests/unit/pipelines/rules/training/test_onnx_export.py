"""An export is refused when it gives other scores, and the message names the estimator."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.interface import OnnxPart, Rows
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import FittedModel, Trainer
from pipelines.rules.training.onnx_export import to_onnx, verify_export
from pipelines.rules.use_case.policy_sections.training import Training

TRAINER = Trainer(Training(imbalance="none"), threads=1)
CATEGORIES = ((0, 0, 0), (3, 0, 2), (0, 40, 0), (40, 3, 0, 17, 0))
RANDOM = np.random.default_rng(1)
FEATURES = RANDOM.normal(size=(200, 3)).astype(np.float32)
LABELS = (FEATURES[:, 0] > 0).astype(np.int8)


class Changed(LogisticEstimator):
    """A logistic regression whose graph has one constant replaced."""

    name = "changed"

    def __init__(self, constant: str, factor: float) -> None:
        self.constant = constant
        self.factor = factor

    def to_onnx(self, model: Any, columns: int) -> OnnxPart:
        part = super().to_onnx(model, columns)
        for constant in part.constants:
            if constant.name == self.constant:
                values = np.frombuffer(constant.raw_data, np.float32) * np.float32(self.factor)
                constant.raw_data = values.tobytes()
        return part


def candidate(estimator: LogisticEstimator) -> Candidate:
    model = estimator.fit(Rows(FEATURES, LABELS), {}, seed=1, threads=1)
    fitted = FittedModel(estimator, model)
    return Candidate(fitted=fitted, calibration=Calibration(), threshold=0.5, params={}, metrics={})


def test_an_exact_export_is_accepted() -> None:
    right = candidate(LogisticEstimator())
    verify_export(right, to_onnx(right, 3), FEATURES)


@pytest.mark.parametrize("factor", [1.01, float("nan")])
def test_an_export_with_other_scores_is_refused_by_name(factor: float) -> None:
    wrong = candidate(Changed("slopes", factor))
    with pytest.raises(
        ModelRejected, match="estimator 'changed': its ONNX graph gives other scores"
    ):
        verify_export(wrong, to_onnx(wrong, 3), FEATURES)


@given(st.integers(0, 2**32 - 1), st.sampled_from(CATEGORIES), st.booleans())
@settings(max_examples=40, deadline=None)
def test_missing_values_and_categories_are_prepared_in_the_graph(
    seed: int, categories: tuple[int, ...], missing: bool
) -> None:
    random = np.random.default_rng(seed)
    fitted_on, later = (drawn(random, n, categories, missing) for n in (300, 400))
    labels = (random.random(300) < 0.3).astype(np.int8)
    estimator = LogisticEstimator() if seed % 2 else XGBoostEstimator()
    params = {} if seed % 2 else {"n_estimators": 5}
    fitted = TRAINER.fit(estimator, Rows(fitted_on, labels, categories), params)
    prepared = Candidate(
        fitted=fitted, calibration=Calibration(), threshold=0.5, params={}, metrics={}
    )
    verify_export(prepared, to_onnx(prepared, len(categories)), later)


def drawn(
    random: np.random.Generator, n: int, categories: tuple[int, ...], missing: bool
) -> NDArray[np.float32]:
    """Rows (n, columns) of numbers and categories, some of their values missing."""
    columns = [
        random.integers(0, count, n) if count else random.normal(size=n) for count in categories
    ]
    features = np.column_stack(columns).astype(np.float32)
    if missing:
        features[random.random(features.shape) < 0.2] = np.nan
    return features


def test_a_graph_that_can_not_run_is_refused_by_name() -> None:
    with pytest.raises(ModelRejected, match="estimator 'logistic': its ONNX graph can't be run"):
        verify_export(candidate(LogisticEstimator()), b"no graph", FEATURES)
