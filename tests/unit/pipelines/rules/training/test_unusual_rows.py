"""Columns and windows as they come: every estimator trains, and its graph scores as it does."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.rules.data.time_split import tune_cut
from pipelines.rules.statistics.confidence_intervals import Z999, wilson
from pipelines.rules.training.candidates import Candidate, fit_all
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.onnx_export import to_onnx, verify_export
from pipelines.rules.use_case.policy_sections.training import Training
from pipelines.stores.estimators import find_estimator

ESTIMATORS = ("logistic", "xgboost", "lightgbm")
N = 800
TUNE = tune_cut(N)
CATEGORIES = (0, 0, 4)
Features = NDArray[np.float32]


def drawn(n: int = N, seed: int = 0) -> tuple[Features, NDArray[np.int8]]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, 3))
    features[:, 2] = random.integers(0, 4, n)
    margin = 2 * features[:, 0] - 1
    labels = random.random(n) < 1 / (1 + np.exp(-margin))
    return features.astype(np.float32), labels.astype(np.int8)


def trained(name: str, rows: Rows, imbalance: str = "weights") -> Candidate:
    training = Training(trials=1, trees=15, folds=2, imbalance=imbalance)  # type: ignore[arg-type]
    (candidate,) = fit_all(
        rows, tune_cut(len(rows)), [find_estimator(name)], Trainer(training, threads=1)
    )
    return candidate


def blank(features: Features) -> None:
    features[:, 1] = np.nan


def blank_category(features: Features) -> None:
    features[:, 2] = np.nan


def blank_when_tuning(features: Features) -> None:
    features[TUNE:, 1] = np.nan


def blank_before_tuning(features: Features) -> None:
    features[:TUNE, 1] = np.nan


def constant(features: Features) -> None:
    features[:, 1] = 7


def absent_category(features: Features) -> None:
    features[features[:, 2] == 3, 2] = 0


def category_when_tuning(features: Features) -> None:
    features[:TUNE, 2] = 0


def huge(features: Features) -> None:
    features[::10, 1] = np.finfo(np.float32).max  # what an infinite value becomes


CASES = (
    blank,
    blank_category,
    blank_when_tuning,
    blank_before_tuning,
    constant,
    absent_category,
    category_when_tuning,
    huge,
)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.__name__))
def test_the_graph_scores_as_the_model_does(name: str, case: Callable[[Features], None]) -> None:
    features, labels = drawn()
    case(features)
    candidate = trained(name, Rows(features, labels, CATEGORIES))
    graph = to_onnx(candidate, 3)
    verify_export(candidate, graph, features)
    later, _ = drawn(300, seed=1)  # with values that training may not have seen
    later[::7] = np.nan
    verify_export(candidate, graph, later)
    assert np.isfinite(candidate.score(later)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("imbalance", ["smote", "none"])
def test_a_blank_column_trains_however_classes_are_balanced(name: str, imbalance: str) -> None:
    features, labels = drawn()
    blank(features)
    candidate = trained(name, Rows(features, labels, CATEGORIES), imbalance)
    verify_export(candidate, to_onnx(candidate, 3), features)


@pytest.mark.parametrize(
    ("rows", "positives"),
    [
        pytest.param(slice(TUNE, None), 0, id="no positive in the tuning rows"),
        pytest.param(slice(0, N - 1), 1, id="one positive, in the last row"),
    ],
)
def test_one_class_where_the_threshold_is_set_is_said(rows: slice, positives: int) -> None:
    features, labels = drawn()
    labels[rows] = 0
    labels[N - 1] = positives
    with pytest.raises(DataError, match="both classes must occur in them: wait for more labels"):
        trained("logistic", Rows(features, labels, CATEGORIES))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("seed", range(4))
def test_new_rows_are_flagged_as_the_card_says(name: str, seed: int) -> None:
    """One category is all that there is, so that scores have a few levels only."""
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 6))
    shares = random.dirichlet(np.ones(count))
    chances = np.sort(random.beta(0.5, 2, count))

    def rows(n: int) -> Rows:
        cell = random.choice(count, n, p=shares)
        labels = (random.random(n) < chances[cell]).astype(np.int8)
        return Rows(cell.astype(np.float32).reshape(-1, 1), labels, (count,))

    candidate = trained(name, rows(2000))
    judged = candidate.judged
    assert judged is not None
    later = rows(20_000)
    scores = candidate.score(later.features)
    for label in (0, 1):
        said = flagged(judged.scores[judged.labels == label], candidate.threshold)
        served = flagged(scores[later.labels == label], candidate.threshold)
        assert said[0] <= served[1]
        assert served[0] <= said[1]


def flagged(scores: NDArray[np.float64], threshold: float) -> tuple[float, float]:
    """The interval of the share that is flagged."""
    return wilson(float((scores >= threshold).sum()), len(scores), Z999)
