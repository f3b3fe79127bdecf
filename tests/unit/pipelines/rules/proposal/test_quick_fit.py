"""The quick fit."""

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.rules.proposal.quick_fit import quick_fit, standard_error
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator


def rows(n: int = 3000) -> Rows:
    random = np.random.default_rng(1)
    features = random.normal(size=(n, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(2 - 2 * features[:, 0]))
    return Rows(features, (random.random(n) < chance).astype(np.int8), (0, 0, 0))


@pytest.mark.parametrize(("by_time", "judged"), [(True, 1000), (False, 3000)])
def test_rows_are_judged_by_models_that_did_not_see_them(by_time: bool, judged: int) -> None:
    fit = quick_fit(rows(), XGBoostEstimator(), by_time=by_time, threads=1)
    assert fit.rows == judged
    assert 0.8 < fit.roc_auc < 0.9
    assert 0 < fit.flagged_share < 0.6 and fit.recall > fit.flagged_share
    assert 0.005 < fit.error < 0.03


def test_one_class_alone_can_not_be_judged() -> None:
    few = rows(400)
    few.labels[:] = 0
    with pytest.raises(DataError, match="0 positives and 400 negatives"):
        quick_fit(few, XGBoostEstimator(), by_time=False, threads=1)


def test_the_standard_error_is_that_of_the_source() -> None:
    labels = np.array([1] * 50 + [0] * 50, np.int8)
    assert standard_error(0.8, labels) == pytest.approx(0.0446, abs=0.0005)
    assert standard_error(1.0, labels) == pytest.approx(0, abs=1e-9)
