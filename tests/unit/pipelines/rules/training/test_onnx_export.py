"""An export is refused when it gives other scores, and the message names the estimator."""

from typing import Any

import numpy as np
import pytest

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.interface import OnnxPart, Rows
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.fitting import FittedModel
from pipelines.rules.training.onnx_export import to_onnx, verify_export

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


def test_a_graph_that_can_not_run_is_refused_by_name() -> None:
    with pytest.raises(ModelRejected, match="estimator 'logistic': its ONNX graph can't be run"):
        verify_export(candidate(LogisticEstimator()), b"no graph", FEATURES)
