"""What every estimator promises: a graph with the same scores, contributions that add up, and the same model again."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.rules.explanation.shap_explainer import add_up
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.model.model_input import narrow
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.interface import Estimator, Params, Rows
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.onnx_export import to_onnx
from pipelines.settings import ROOT
from pipelines.stores.estimators import find_estimator, installed_estimators, read_explainer
from pipelines.use_case import read_policy

CATEGORIES = (0, 0, 0, 0, 4)
PARAMS: dict[str, Params] = {
    "logistic": {"C": 1.0},
    "xgboost": {"n_estimators": 40, "max_depth": 4},
    "lightgbm": {"num_iterations": 40, "num_leaves": 15},
}
every_estimator = pytest.mark.parametrize("name", sorted(PARAMS))
each_calibration = pytest.mark.parametrize(
    "calibration", [Calibration(), Calibration(a=0.7, b=-0.4)], ids=["as it is", "calibrated"]
)


def drawn(n: int, seed: int) -> NDArray[np.float32]:
    """Features with missing values, repeated values, and a category."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, len(CATEGORIES)))
    features[:, 1] = random.integers(0, 5, n) / 10
    features[:, 4] = random.integers(0, 4, n)
    features[random.random(features.shape) < 0.05] = np.nan
    features[:, 2] = np.nan_to_num(features[:, 2])  # a column that misses no value in training
    return features.astype(np.float32)


def labels(features: NDArray[np.float32]) -> NDArray[np.int8]:
    known = np.nan_to_num(features)
    noise = np.random.default_rng(3).normal(size=len(known))
    return (2 * known[:, 0] + known[:, 1] * known[:, 2] + (known[:, 4] == 2) + noise > 1).astype(
        np.int8
    )


def candidate(name: str, calibration: Calibration, *, seed: int = 7) -> Candidate:
    training = msgspec.structs.replace(
        read_policy(ROOT / "reference" / "fraud").training, imbalance="none", seed=seed
    )
    features = drawn(3000, 1)
    rows = Rows(features, labels(features), CATEGORIES)
    fitted = Trainer(training, threads=2).fit(find_estimator(name), rows, PARAMS[name])
    return Candidate(fitted=fitted, calibration=calibration, threshold=0.5, params={}, metrics={})


def test_every_estimator_of_this_package_is_tested_here() -> None:
    assert set(PARAMS) <= set(installed_estimators())
    own = (ROOT / "pipelines" / "rules" / "training" / "estimators").glob("*.py")
    assert {file.stem for file in own} - {"__init__", "interface"} == set(PARAMS)


@every_estimator
@each_calibration
def test_the_graph_scores_as_the_library_does(name: str, calibration: Calibration) -> None:
    fitted = candidate(name, calibration)
    features = drawn(2000, 2)
    features[:50, 2] = np.nan  # missing where training missed nothing
    graph = to_onnx(fitted, features.shape[1])
    scores = OnnxScorer(graph)(features.astype(np.float64))
    assert np.abs(scores - fitted.score(features)).max() < 1e-5
    assert to_onnx(fitted, features.shape[1]) == graph


@every_estimator
@each_calibration
def test_contributions_add_up_to_the_score(name: str, calibration: Calibration) -> None:
    fitted = candidate(name, calibration)
    features = drawn(300, 4).astype(np.float64)
    estimator = fitted.fitted.estimator
    content = estimator.save(fitted.fitted.model)
    explainer = read_explainer(name, content, calibration, fitted.fitted.preparation)
    values, base = explainer(features)
    scores = fitted.score(narrow(features))
    assert values.shape == features.shape
    assert add_up(values, base, scores).all()
    assert not add_up(values, base, scores + 1e-3).any()
    assert np.abs(explainer.scores(features) - scores).max() < 1e-6


@every_estimator
def test_the_same_seed_fits_the_same_model(name: str) -> None:
    first, second = (candidate(name, Calibration()) for _ in range(2))
    assert to_onnx(first, len(CATEGORIES)) == to_onnx(second, len(CATEGORIES))


@every_estimator
def test_the_first_trial_is_one_that_the_search_proposes(name: str) -> None:
    estimator: Estimator = find_estimator(name)
    training = read_policy(ROOT / "reference" / "fraud").training
    space = estimator.search_space(training)
    assert space.trials(training) >= 1
