"""SHAP values by two ways and by shap itself; sums of them; and reasons in words."""

import logging
from typing import Any

import numpy as np
import pytest
import shap
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.explanation import tree_shap as rule
from pipelines.rules.explanation.attribution import Attribution, ndcg, shift, thinned
from pipelines.rules.explanation.reason_codes import reasons
from pipelines.rules.explanation.tree_shap import tree_shap
from pipelines.rules.use_case.contract import parse_contract
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

CONTRACT = read_contract(ROOT / "reference" / "fraud")


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


def drawn(
    random: np.random.Generator, n: int = 4000, scales: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Contributions of predictions, flagged where they are large; picked as the policy does, with their chances."""
    contributions = random.normal(size=(n, 5)) * (
        np.array([2.0, 1.0, 0.5, 0.2, 0.0]) if scales is None else scales
    )
    shares = np.where(contributions.sum(axis=1) > 2.5, 1.0, 0.1)
    picked = random.random(n) < shares
    return contributions[picked], shares[picked]


COLUMNS = ("a", "b", "c", "d", "e")
TRUTH = dict(zip(COLUMNS, np.sqrt(2 / np.pi) * np.array([2.0, 1.0, 0.5, 0.2, 0.0]), strict=True))


def test_weighted_sums_stand_for_all_and_chance_alone_is_no_shift() -> None:
    random = np.random.default_rng(6)
    moved = [
        shift(Attribution.of(*drawn(random)), TRUTH, COLUMNS, trained=100_000) for _ in range(300)
    ]
    p_values = np.array([one.p_value[:4] for one in moved if one])
    assert 0.02 < (p_values < 0.05).mean() < 0.09
    assert max(one.distance - one.expected for one in moved if one) < 0.05
    assert np.mean([one.distance / one.expected for one in moved if one]) == pytest.approx(
        1, abs=0.25
    )
    assert all(one and one.p_value[4] == 1 for one in moved), (
        "what never moves a score has not changed"
    )


def test_other_features_that_move_scores_are_seen() -> None:
    found = Attribution.of(
        *drawn(np.random.default_rng(7), scales=np.array([0.5, 1.0, 2.0, 0.2, 0.0]))
    )
    moved = shift(found, TRUTH, COLUMNS, trained=1000)
    assert moved
    assert moved.distance - moved.expected > 0.3
    assert moved.p_value[0] < 1e-6 < moved.p_value[1]
    assert moved.ndcg < 0.95
    assert shift(found, dict.fromkeys(COLUMNS, 0.0), COLUMNS, trained=1000) is None


def test_ndcg_is_one_for_the_same_order_and_less_for_any_other() -> None:
    then = np.array([3.0, 2.0, 1.0])
    assert ndcg(then, then * 7) == 1
    gain = 1 + 2 / np.log2(3) + 3 / np.log2(4)
    assert ndcg(then, then[::-1]) == pytest.approx(gain / (3 + 2 / np.log2(3) + 1 / np.log2(4)))


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_a_thinned_sample_looks_like_all_predictions(flagged: int, sampled: int) -> None:
    weights = np.array([1.0] * flagged + [20.0] * sampled)
    kept = thinned(weights)
    assert len(kept) <= 2300
    if flagged > 1000 and sampled > 1000:
        assert (weights[kept] == 1).mean() == pytest.approx(flagged / weights.sum(), abs=0.05)
    if not sampled and flagged < 2000:
        assert len(kept) == flagged


def test_reasons_name_what_was_sent_and_what_it_does_to_the_odds() -> None:
    document = {
        "title": "t", "entity_key": "k", "event_time": "e", "transaction_id": "t", "label": {"name": "default"},
        "features": {
            "job": {"type": "category", "values": ["none", "nurse"], "description": "what they do"},
            "owns": {"type": "bool", "description": "a home of their own"}, "loans": {"type": "int"},
            "income": {"type": "float", "nullable": True, "description": "yearly income"},
        },
    }  # fmt: skip
    contract = parse_contract(document, use_case="loans", file="f")
    found = reasons(
        contract, contract.hash, [1.0, 0.0, 3.0, np.nan], [np.log(2), -np.log(20), 0.001, 0.5]
    )
    assert [(r.feature, r.value) for r in found] == [
        ("owns", False),
        ("job", "nurse"),
        ("income", None),
        ("loans", 3),
    ]
    assert [r.words for r in found] == [
        "a home of their own, no: divides the odds of default by 20",
        "what they do, nurse: multiplies the odds of default by 2.00",
        "yearly income, missing: multiplies the odds of default by 1.65",
        "loans, 3: hardly changes the odds of default",
    ]
    foreign = reasons(contract, "another", [1.0, 0.0], [0.1, -0.2])
    assert [(r.feature, r.value) for r in foreign] == [("1", 0.0), ("0", 1.0)]
