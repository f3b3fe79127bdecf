"""LightGBM's trees as ONNX: thresholds are doubles there and float32 here, and no row may take another branch."""

import numpy as np
import pytest

from pipelines.rules.model.bundle import Calibration
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.estimators.lightgbm import LightGBMEstimator, _float32_threshold
from pipelines.rules.training.fitting import FittedModel
from pipelines.rules.training.onnx_export import to_onnx
from tests.unit.pipelines.rules.training.estimators.test_every_estimator import drawn, labels


def thresholds(model: object) -> list[tuple[int, float]]:
    splits = []

    def walk(node: dict[str, object]) -> None:
        if "threshold" in node:
            splits.append((node["split_feature"], node["threshold"]))
            walk(node["left_child"])
            walk(node["right_child"])

    for tree in model.dump_model()["tree_info"]:
        walk(tree["tree_structure"])
    return splits


def test_rows_on_a_threshold_and_beside_it_take_the_same_branch() -> None:
    estimator = LightGBMEstimator()
    features = drawn(3000, 1)
    model = estimator.fit(
        Rows(features, labels(features)), {"num_iterations": 40}, seed=1, threads=1
    )
    splits = [(feature, value) for feature, value in thresholds(model) if abs(value) < 1e30]
    assert len(splits) > 100
    tried = np.repeat(drawn(len(splits), 5), 3, axis=0)
    for number, (feature, threshold) in enumerate(splits):
        nearest = np.float32(_float32_threshold(threshold))
        tried[3 * number : 3 * number + 3, feature] = (
            np.nextafter(nearest, np.float32(-np.inf)),
            nearest,
            np.nextafter(nearest, np.float32(np.inf)),
        )
    fitted = FittedModel(estimator, model)
    candidate = Candidate(
        fitted=fitted, calibration=Calibration(), threshold=0.5, params={}, metrics={}
    )
    scores = OnnxScorer(to_onnx(candidate, features.shape[1]))(tried.astype(np.float64))
    assert np.abs(scores - candidate.score(tried)).max() < 1e-5


@pytest.mark.parametrize("threshold", [0.1, -0.1, 1e30, 16777217.0, 1e308])
def test_a_threshold_is_rounded_down(threshold: float) -> None:
    rounded = _float32_threshold(threshold)
    with np.errstate(over="ignore"):
        above = float(np.nextafter(np.float32(rounded), np.float32(np.inf)))
    assert rounded <= threshold < above


def test_a_watched_fit_stops_early() -> None:
    features = drawn(2000, 1)
    newer = drawn(500, 2)
    watch = Rows(newer, labels(newer))
    params = {"num_iterations": 400, "learning_rate": 0.5}
    estimator = LightGBMEstimator()
    model = estimator.fit(Rows(features, labels(features)), params, seed=1, threads=1, watch=watch)
    assert 0 < model.best_iteration < 200
    assert estimator.settle(params, [model])["num_iterations"] == model.best_iteration


@pytest.mark.parametrize("threshold", [-1e-35, -1e-300, 0.0, 1e-300, 1e-35])
def test_values_beside_zero_are_zero(threshold: float) -> None:
    rounded = _float32_threshold(threshold)
    for value in (-9e-36, 0.0, 9e-36):
        assert (value <= rounded) is (threshold >= 0)
