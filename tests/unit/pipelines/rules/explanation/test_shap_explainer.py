"""Contributions are those of the calibrated score, for the columns of the contract."""

import numpy as np
import pytest

from pipelines.rules.explanation.shap_explainer import Explainer, add_up
from pipelines.rules.model.bundle import Calibration, sigmoid
from pipelines.rules.model.preparation import Preparation
from pipelines.rules.training.estimators.logistic import LinearExplainer

CALIBRATION = Calibration(a=0.5, b=-1.0)


def linear(*slopes: float) -> LinearExplainer:
    return LinearExplainer(slopes=list(slopes), intercept=0.25, means=[0.0] * len(slopes))


def test_calibration_scales_contributions_and_moves_the_base_value() -> None:
    features = np.array([[1.0, -2.0], [0.0, 4.0]])
    values, base = Explainer(linear(2, 1), CALIBRATION, None)(features)
    assert values.tolist() == [[1.0, -1.0], [0.0, 2.0]]
    assert base == pytest.approx(0.5 * 0.25 - 1)
    scores = sigmoid(0.5 * (features @ [2, 1] + 0.25) - 1)
    assert add_up(values, base, scores).all()


def test_contributions_of_an_encoded_category_are_added_up() -> None:
    preparation = Preparation(fill=None, categories=(0, 3))
    features = np.array([[1.0, 2.0], [1.0, np.nan]])
    values, _ = Explainer(linear(2, 10, 20, 30), Calibration(), preparation)(features)
    assert values.tolist() == [[2.0, 30.0], [2.0, 0.0]]


def test_a_missing_value_is_explained_as_it_was_filled_in() -> None:
    preparation = Preparation(fill=(7.0,), categories=(0,))
    explainer = Explainer(linear(2), Calibration(), preparation)
    missing = np.array([[np.nan]])
    assert explainer(missing)[0].tolist() == [[14.0]]
    assert explainer.scores(missing) == pytest.approx(sigmoid(np.array([14.25])))


def test_a_difference_above_the_limit_is_noticed() -> None:
    values = np.array([[0.1], [0.2]])
    scores = sigmoid(np.array([0.1, 0.2])) + np.array([0, 2e-5])
    assert add_up(values, 0.0, scores).tolist() == [True, False]
