"""XGBoost stops where newer rows stop improving, and keeps the median of what the folds needed."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator, positive_weight
from tests.unit.pipelines.rules.training.test_hyperparameter_search import rows


def test_a_watched_fit_stops_early_and_an_unwatched_one_does_not() -> None:
    params = {"n_estimators": 200, "learning_rate": 0.5}
    estimator = XGBoostEstimator()
    watched = estimator.fit(rows(), params, seed=1, threads=1, watch=rows(200))
    whole = estimator.fit(rows(), params, seed=1, threads=1)
    assert watched.best_iteration < 100
    assert whole.get_booster().num_boosted_rounds() == 200


def test_the_median_of_the_folds_is_kept() -> None:
    models = [SimpleNamespace(best_iteration=trees) for trees in (9, 99, 49)]
    settled = XGBoostEstimator().settle({"n_estimators": 300, "max_depth": 3}, models)
    assert settled == {"n_estimators": 50, "max_depth": 3}


@pytest.mark.parametrize(("power", "weight"), [(0.0, 1.0), (0.5, 3.0), (1.0, 9.0)])
def test_a_weight_lies_between_one_and_the_ratio_of_classes(power: float, weight: float) -> None:
    trial = SimpleNamespace(suggest_float=lambda *_: power)
    labels = np.array([1] + 9 * [0], np.int8)
    assert positive_weight(trial, Rows(np.zeros((10, 1), np.float32), labels)) == pytest.approx(
        weight
    )
