"""The search looks forward in time, is seeded, ends with its budget, and never takes what it dropped half-way."""

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from pipelines.errors import DataError
from pipelines.rules.data.time_split import forward_folds
from pipelines.rules.training.estimators import KINDS, Kind, Rows, fit
from pipelines.rules.training.hyperparameter_search import SearchTrial, best, search
from pipelines.rules.training.operating_threshold import operating_threshold
from pipelines.rules.use_case.policy import Threshold, Training
from pipelines.settings import ROOT
from pipelines.use_case import read_policy


def training(**changed: Any) -> Training:
    """The shipped policy with a short search of small models."""
    shipped = read_policy(ROOT / "reference" / "fraud").training
    return msgspec.structs.replace(shipped, **{"trials": 4, "folds": 3, "trees": 8, **changed})


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


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_and_seed_give_the_same_trials(kind: Kind) -> None:
    assert search(kind, rows(), training(), lambda: False) == search(
        kind, rows(), training(), lambda: False
    )


def test_another_seed_tries_other_parameters() -> None:
    one, other = (search("xgboost", rows(), training(seed=seed), lambda: False) for seed in (1, 2))
    assert one[0].params["learning_rate"] == other[0].params["learning_rate"], (
        "the first trial is always the same"
    )
    assert [trial.params for trial in one[1:]] != [trial.params for trial in other[1:]]


@pytest.mark.parametrize("kind", KINDS)
def test_without_time_one_set_of_parameters_is_tried(kind: Kind) -> None:
    assert len(search(kind, rows(), training(), lambda: True)) == 1


def test_the_search_looks_at_no_more_rows_than_the_policy_says() -> None:
    seen = search("logistic", rows(), training(rows=300), lambda: True)
    assert seen != search("logistic", rows(), training(), lambda: True)


def test_a_pruned_trial_is_never_the_best() -> None:
    whole, dropped = (
        SearchTrial(params={}, folds=(0.2, 0.3)),
        SearchTrial(params={}, folds=(0.9,), pruned=True),
    )
    assert best([dropped, whole]) is whole


def test_pruning_happens_and_saves_folds() -> None:
    trials = search("xgboost", rows(), training(trials=15), lambda: False)
    assert any(trial.pruned for trial in trials)
    assert all(trial.pruned == (len(trial.folds) < 3) for trial in trials)


@pytest.mark.parametrize(
    ("imbalance", "kind", "name", "expected"),
    [
        pytest.param(
            "weights", "xgboost", "scale_pos_weight", True, id="weights are searched for XGBoost"
        ),
        pytest.param(
            "weights",
            "logistic",
            "class_weight",
            True,
            id="weights are tried for logistic regression",
        ),
        pytest.param("none", "xgboost", "scale_pos_weight", False, id="none means none"),
        pytest.param("none", "logistic", "class_weight", False, id="nor for logistic regression"),
    ],
)
def test_weights(imbalance: str, kind: Kind, name: str, expected: bool) -> None:
    tried = {
        trial.params.get(name)
        for trial in search(kind, rows(), training(imbalance=imbalance), lambda: False)
    }
    assert (len(tried) > 1) is expected


@pytest.mark.parametrize("kind", KINDS)
def test_synthetic_positives_lift_the_scores(kind: Kind) -> None:
    plain, lifted = (
        fit(kind, rows(), PARAMS[kind], training(imbalance=how))
        .predict_proba(rows().features)[:, 1]
        .mean()
        for how in ("none", "smote")
    )
    assert plain == pytest.approx(0.1, abs=0.03)
    assert lifted > 2 * plain


PARAMS: dict[str, dict[str, Any]] = {"logistic": {}, "xgboost": {"n_estimators": 20}}


def test_one_positive_gives_no_synthetic_ones() -> None:
    few = Rows(rows().features[:50], np.eye(1, 50, dtype=np.int8)[0])
    assert fit("logistic", few, {}, training(imbalance="smote")).classes_.tolist() == [0, 1]


def test_too_few_positives_to_compare_on_is_said() -> None:
    few = Rows(rows().features, np.eye(1, 600, dtype=np.int8)[0])
    with pytest.raises(DataError, match="1 positives in 600 training rows are too few"):
        search("logistic", few, training(), lambda: False)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_no_threshold_has_a_better_f1(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random(60) < 0.3).astype(np.int8)
    labels[:2] = 0, 1
    scores = np.round(0.5 * random.random(60) + 0.4 * labels * random.random(60), 2)
    chosen = operating_threshold(labels, scores, Threshold())
    others = [f1_score(labels, scores >= threshold) for threshold in np.unique(scores)]
    assert f1_score(labels, scores >= chosen) == pytest.approx(max(others))


@pytest.mark.parametrize(
    ("false_alarm", "miss", "expected"),
    [
        pytest.param(1, 1, 0.5, id="errors that cost the same"),
        pytest.param(1, 49, 0.02, id="a miss costs 49 false alarms"),
    ],
)
def test_the_threshold_of_least_cost(false_alarm: float, miss: float, expected: float) -> None:
    policy = Threshold(metric="cost", false_alarm=false_alarm, miss=miss)
    assert operating_threshold(
        np.array([0, 1], np.int8), np.array([0.1, 0.9]), policy
    ) == pytest.approx(expected)
