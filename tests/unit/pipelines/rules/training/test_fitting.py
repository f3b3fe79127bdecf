"""A model is fitted on rows as its estimator takes them, with synthetic positives where the policy asks for them."""

import msgspec
import numpy as np
import pytest

from pipelines.rules.training.estimators.interface import Estimator, Params, Rows
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import Trainer, with_synthetic_positives
from pipelines.settings import ROOT
from pipelines.use_case import read_policy
from tests.unit.pipelines.rules.training.test_hyperparameter_search import rows, trainer


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        pytest.param(LogisticEstimator(), {}, id="logistic regression"),
        pytest.param(XGBoostEstimator(), {"n_estimators": 20}, id="XGBoost"),
    ],
)
def test_synthetic_positives_raise_the_scores(estimator: Estimator, params: Params) -> None:
    plain, raised = (
        scores(trainer(imbalance=imbalance), estimator, params) for imbalance in ("none", "smote")
    )
    assert plain == pytest.approx(0.1, abs=0.03)
    assert raised > 2 * plain


def scores(trainer: Trainer, estimator: Estimator, params: Params) -> float:
    margins = trainer.fit(estimator, rows(), params).margin(rows().features)
    return float((1 / (1 + np.exp(-margins))).mean())


def test_a_single_positive_gives_no_synthetic_ones() -> None:
    few = Rows(rows().features[:50], np.eye(1, 50, dtype=np.int8)[0])
    assert with_synthetic_positives(few, seed=1) is few


def test_an_estimator_is_given_what_it_takes() -> None:
    class Recorder(LogisticEstimator):
        takes_missing = False
        takes_categories = False

        def fit(self, rows: Rows, params: Params, **given: object) -> object:
            assert not np.isnan(rows.features).any()
            assert rows.features.shape[1] == 4 + 2, "a category of three became three columns"
            return super().fit(rows, params, seed=1, threads=1)

    features = rows().features.copy()
    features[:, 3] = np.arange(len(features)) % 3
    shipped = read_policy(ROOT / "reference" / "fraud").training
    plain = msgspec.structs.replace(shipped, imbalance="none")
    learned = Rows(features, rows().labels, categories=(0, 0, 0, 3))
    fitted = Trainer(plain, threads=1).fit(Recorder(), learned, {})
    assert fitted.margin(features).shape == (len(features),)
