"""The linear explainer gives what shap gives, and still reads files that were written with medians."""

import msgspec
import numpy as np
import pytest
import shap
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.estimators.logistic import LinearExplainer, LogisticEstimator


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_a_linear_model_is_explained_as_shap_would(columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    model = LinearExplainer(
        slopes=random.normal(size=columns).tolist(),
        intercept=float(random.normal()),
        means=random.normal(size=columns).tolist(),
    )
    features = random.normal(size=(20, columns)).astype(np.float32)
    explainer = shap.LinearExplainer(
        (np.array(model.slopes), model.intercept), np.array(model.means).reshape(1, -1)
    )
    values, base = model.contributions(features)
    assert np.abs(values - explainer.shap_values(features.astype(np.float64))).max() < 1e-9
    assert base == pytest.approx(float(explainer.expected_value))
    assert np.abs(base + values.sum(axis=1) - model.margin(features)).max() < 1e-9


def test_a_file_of_a_former_version_fills_in_its_medians() -> None:
    written = {"slopes": [2.0, 1.0], "intercept": 0.5, "medians": [3.0, 4.0], "means": [0.0, 0.0]}
    model = LogisticEstimator().load(msgspec.json.encode(written))
    missing = np.array([[np.nan, 1.0]], np.float32)
    assert model.margin(missing).tolist() == [2 * 3 + 1 + 0.5]
    assert model.contributions(missing)[0].tolist() == [[6.0, 1.0]]


@pytest.mark.parametrize("n", [3, 17, 250, 501, 4099])
def test_equal_rows_have_equal_margins_wherever_they_are(n: int) -> None:
    """The operating threshold lies between two levels of scores: rounding must not make levels."""
    random = np.random.default_rng(2)
    features = random.normal(size=(400, 7)).astype(np.float32)
    labels = (features[:, 0] + random.normal(size=400) > 0).astype(np.int8)
    estimator = LogisticEstimator()
    model = estimator.fit(Rows(features, labels), {"C": 1.0}, seed=1, threads=1)
    margins = estimator.margin(model, np.repeat(features[:3], n, axis=0))
    levels = margins.reshape(3, n)
    assert np.ptp(levels, axis=1).max() <= 1e-12 * np.abs(levels).max()
