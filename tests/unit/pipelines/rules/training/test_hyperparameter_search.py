"""The search looks forward in time, is seeded, ends with its budget, and never takes what it dropped half-way."""

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import DataError
from pipelines.rules.data.time_split import forward_folds
from pipelines.rules.training.estimators.interface import Estimator, Rows
from pipelines.rules.training.estimators.lightgbm import LightGBMEstimator
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.hyperparameter_search import SearchTrial, best, search
from pipelines.settings import ROOT
from pipelines.use_case import read_policy

LOGISTIC = LogisticEstimator()
XGBOOST = XGBoostEstimator()
LIGHTGBM = LightGBMEstimator()
every_estimator = pytest.mark.parametrize(
    "estimator", [LOGISTIC, XGBOOST, LIGHTGBM], ids=lambda estimator: estimator.name
)


def trainer(**changed: Any) -> Trainer:
    """The shipped policy with a short search of small models."""
    shipped = read_policy(ROOT / "reference" / "fraud").training
    short = {"trials": 4, "folds": 3, "trees": 8, **changed}
    return Trainer(msgspec.structs.replace(shipped, **short), threads=1)


def rows(n: int = 600, share: float = 0.1) -> Rows:
    """Rows of which one feature tells something, some values missing."""
    random = np.random.default_rng(3)
    labels = (random.random(n) < share).astype(np.int8)
    features = random.normal(size=(n, 4)) + 1.5 * labels[:, None] * np.array([1, 0, 0, 0])
    features[random.random(features.shape) < 0.05] = np.nan
    return Rows(features.astype(np.float32), labels)


@given(st.integers(1, 10_000), st.integers(1, 10), st.floats(0, 1))
@settings(deadline=None)
def test_folds_go_forward_in_time_and_end_with_the_newest_row(
    n: int, folds: int, share: float
) -> None:
    found = forward_folds(n, folds, share)
    assert len(found) == folds
    assert all(0 <= begin <= end for begin, end in found)
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert found[-1][1] == n


@every_estimator
def test_the_same_rows_and_seed_give_the_same_trials(estimator: Estimator) -> None:
    first = search(estimator, rows(), trainer(), lambda: False)
    assert search(estimator, rows(), trainer(), lambda: False) == first


def test_another_seed_tries_other_parameters() -> None:
    one, other = (search(XGBOOST, rows(), trainer(seed=seed), lambda: False) for seed in (1, 2))
    assert one[0].params["learning_rate"] == other[0].params["learning_rate"], (
        "the first trial is always the same"
    )
    assert [trial.params for trial in one[1:]] != [trial.params for trial in other[1:]]


@every_estimator
def test_without_time_one_set_of_parameters_is_tried(estimator: Estimator) -> None:
    assert len(search(estimator, rows(), trainer(), lambda: True)) == 1


def test_the_search_looks_at_no_more_rows_than_the_policy_says() -> None:
    seen = search(LOGISTIC, rows(), trainer(rows=300), lambda: True)
    assert seen != search(LOGISTIC, rows(), trainer(), lambda: True)


def test_a_pruned_trial_is_never_the_best() -> None:
    whole, dropped = (
        SearchTrial(params={}, folds=(0.2, 0.3)),
        SearchTrial(params={}, folds=(0.9,), pruned=True),
    )
    assert best([dropped, whole]) is whole


def test_pruning_happens_and_saves_folds() -> None:
    trials = search(XGBOOST, rows(), trainer(trials=15), lambda: False)
    assert any(trial.pruned for trial in trials)
    assert all(trial.pruned == (len(trial.folds) < 3) for trial in trials)


@pytest.mark.parametrize(
    ("imbalance", "estimator", "name", "expected"),
    [
        pytest.param(
            "weights", XGBOOST, "scale_pos_weight", True, id="weights are searched for XGBoost"
        ),
        pytest.param(
            "weights",
            LOGISTIC,
            "class_weight",
            True,
            id="weights are tried for logistic regression",
        ),
        pytest.param("none", XGBOOST, "scale_pos_weight", False, id="none means none"),
        pytest.param("none", LOGISTIC, "class_weight", False, id="nor for logistic regression"),
    ],
)
def test_weights(imbalance: str, estimator: Estimator, name: str, expected: bool) -> None:
    tried = {
        trial.params.get(name)
        for trial in search(estimator, rows(), trainer(imbalance=imbalance), lambda: False)
    }
    assert (len(tried) > 1) is expected


def test_too_few_positives_to_compare_on_is_said() -> None:
    few = Rows(rows().features, np.eye(1, 600, dtype=np.int8)[0])
    with pytest.raises(DataError, match="1 positives in 600 training rows are too few"):
        search(LOGISTIC, few, trainer(), lambda: False)
