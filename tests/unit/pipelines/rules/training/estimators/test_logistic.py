"""The linear explainer gives what shap gives, and still reads files that were written with medians."""

import msgspec
import numpy as np
import pytest
import shap
from hypothesis import given
from hypothesis import strategies as st

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
