"""SHAP values of a booster, by XGBoost and by WoodElf, are those of shap itself."""

import logging
from typing import Any

import numpy as np
import pytest
import shap
import xgboost

from pipelines.rules.explanation import tree_shap as rule
from pipelines.rules.explanation.tree_shap import tree_shap


def rows(n: int, columns: int = 8, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    features = random.gamma(2, 20, (n, columns)).astype(np.float32)
    features[random.random(features.shape) < 0.05] = np.nan
    return features


def booster(depth: int = 5, trees: int = 60, **params: Any) -> xgboost.Booster:
    features = rows(4000)
    seen = np.nan_to_num(features)
    labels = (
        seen[:, 0] * seen[:, 1] / 40
        + seen[:, 2]
        + np.random.default_rng(1).normal(0, 20, len(seen))
        > 90
    )
    return (
        xgboost.XGBClassifier(n_estimators=trees, max_depth=depth, n_jobs=2, **params)
        .fit(features, labels)
        .get_booster()
    )


@pytest.mark.parametrize("depth", [1, 3, 6])
@pytest.mark.parametrize("n", [rule.FAST_FROM - 1, rule.FAST_FROM])
def test_both_ways_give_the_values_of_shap(depth: int, n: int) -> None:
    model, features = booster(depth), rows(n, seed=2)
    explainer = shap.TreeExplainer(model)
    values, base = tree_shap(model, features)
    assert np.abs(values - explainer.shap_values(features)).max() < 1e-5
    assert base == pytest.approx(float(np.ravel(explainer.expected_value)[-1]), abs=1e-6)


def test_values_on_a_threshold_and_beside_it_go_where_the_booster_sends_them() -> None:
    """WoodElf alone sends a number that is one step of float32 below a threshold to the wrong side."""
    model, features = booster(3), rows(rule.FAST_FROM, seed=3)
    frame = model.trees_to_dataframe()
    splits = frame[frame.Feature != "Leaf"]
    at = 0
    for name, threshold in zip(splits.Feature, splits.Split.astype(np.float32), strict=True):
        for value in (
            np.nextafter(threshold, -np.float32(np.inf)),
            threshold,
            np.nextafter(threshold, np.float32(np.inf)),
        ):
            features[at % len(features), int(name.removeprefix("f"))] = value
            at += 1
    expected = model.predict(xgboost.DMatrix(features), pred_contribs=True)[:, :-1]
    assert np.abs(rule._by_woodelf(model, features) - expected).max() < 1e-5


@pytest.mark.parametrize(
    "params", [{"gamma": 1e9}, {"gamma": 50.0}], ids=["no tree splits", "some trees do not"]
)
def test_trees_that_are_a_single_leaf_move_nothing(params: dict[str, float]) -> None:
    model, features = booster(3, 20, **params), rows(rule.FAST_FROM, seed=4)
    expected = model.predict(xgboost.DMatrix(features), pred_contribs=True)[:, :-1]
    assert np.abs(tree_shap(model, features)[0] - expected).max() < 1e-5


def test_when_the_faster_way_errs_the_booster_computes_all_rows(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    model, features = booster(2, 10), rows(rule.FAST_FROM, seed=5)
    right = rule._by_woodelf
    monkeypatch.setattr(rule, "_by_woodelf", lambda *given: right(*given) + 1e-3)
    with caplog.at_level(logging.WARNING):
        values, _ = tree_shap(model, features)
    assert np.array_equal(
        values,
        model.predict(xgboost.DMatrix(features), pred_contribs=True)[:, :-1].astype(np.float64),
    )
    assert "WoodElf and the booster are 0.001 apart" in caplog.text
    monkeypatch.setattr(rule, "_by_woodelf", lambda *given: [].pop())
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(tree_shap(model, features)[0], values)
    assert "WoodElf failed (IndexError: pop from empty list)" in caplog.text
