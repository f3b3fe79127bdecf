"""Estimators that can't keep a direction are left out, and a model that breaks one is refused."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.errors import ModelRejected, UseCaseError
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.model.preparation import Preparation
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.directions import (
    indirect,
    keeping,
    keeps_directions,
    prepared_directions,
    verify_directions,
)
from pipelines.rules.training.estimators.interface import Params, Rows
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.onnx_export import to_onnx
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.policy_sections.training import Training
from pipelines.stores.estimators import find_estimator

CATEGORY = {"type": "category", "values": ["a", "b", "c"], "nullable": True}
NUMBER = {"type": "float", "nullable": True}
COLUMNS = 5  # x, channel, y, sum of x and y, product
CATEGORIES = (0, 3, 0, 0, 0)
PARAMS: dict[str, Params] = {
    "xgboost": {"n_estimators": 15, "max_depth": 4, "learning_rate": 0.3},
    "lightgbm": {"num_iterations": 15, "num_leaves": 12, "learning_rate": 0.3},
}
each_directed_estimator = pytest.mark.parametrize("name", sorted(PARAMS))
Features = NDArray[np.float64]


def contract(x: str = "none", y: str = "none", both: str = "none") -> Contract:
    """Two numbers around a category, and two derived features of the numbers."""
    document = {
        "title": "Loans",
        "entity_key": "customer",
        "event_time": "event_time",
        "transaction_id": "loan",
        "label": {"name": "bad"},
        "features": {
            "x": {**NUMBER, "monotone": x},
            "channel": CATEGORY,
            "y": {**NUMBER, "monotone": y},
        },
        "derived": {
            "both": {"expression": "x + y", "monotone": both},
            "product": {"expression": "x * y"},
        },
    }
    return parse_contract(document, use_case="loans", file="loans/contract.yaml")


def drawn(seed: int, n: int = 600) -> Features:
    random = np.random.default_rng(seed)
    features = random.uniform(-2, 2, (n, COLUMNS))
    features[:, 1] = random.integers(0, 3, n)
    features[random.random(features.shape) < 0.1] = np.nan
    features[:, 3] = features[:, 0] + features[:, 2]
    features[:, 4] = features[:, 0] * features[:, 2]
    return features


def labels(features: Features, seed: int) -> NDArray[np.int8]:
    """Waves of each number, so that a free model rises and falls with it."""
    known = np.nan_to_num(features)
    waves = np.sin(3 * known[:, 0]) + np.sin(3 * known[:, 2]) + (known[:, 1] == 2)
    noise = np.random.default_rng(seed).normal(0, 0.3, len(known))
    return (waves + noise > 0.3).astype(np.int8)


def candidate(
    name: str, directions: tuple[int, ...], seed: int, calibration: Calibration | None = None
) -> Candidate:
    features = drawn(seed)
    rows = Rows(features.astype(np.float32), labels(features, seed), CATEGORIES, directions)
    trainer = Trainer(Training(imbalance="none", seed=seed), threads=1)
    fitted = trainer.fit(find_estimator(name), rows, PARAMS[name])
    return Candidate(
        fitted=fitted,
        calibration=calibration or Calibration(),
        threshold=0.5,
        params={},
        metrics={},
    )


def moves(graph: bytes, features: Features, column: int) -> Features:
    """Steps of the score (rows, grid - 1) where a column rises and all others stay."""
    grid = np.linspace(-2.5, 2.5, 41)
    rows = np.repeat(features, len(grid), axis=0)
    rows[:, column] = np.tile(grid, len(features))
    return np.diff(OnnxScorer(graph)(rows).reshape(len(features), len(grid)), axis=1)


@each_directed_estimator
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    directions=st.tuples(*(st.sampled_from([-1, 0, 1]) for _ in range(4))),
    slope=st.floats(0.1, 3),
)
def test_the_scores_of_the_graph_never_move_against_a_direction(
    name: str, seed: int, directions: tuple[int, ...], slope: float
) -> None:
    x, y, both, product = directions
    model = candidate(name, (x, 0, y, both, product), seed, Calibration(a=slope, b=-0.2))
    graph = to_onnx(model, COLUMNS)
    others = drawn(seed + 1, 30)
    for column, direction in zip((0, 2, 3, 4), directions, strict=True):
        if direction:
            assert (direction * moves(graph, others, column)).min() >= -1e-6


@each_directed_estimator
@pytest.mark.parametrize("direction", [1, -1])
def test_a_free_model_of_the_same_rows_moves_both_ways(name: str, direction: int) -> None:
    graph = to_onnx(candidate(name, (), seed=3), COLUMNS)
    steps = direction * moves(graph, drawn(4, 30), 0)
    assert steps.min() < -0.1
    with pytest.raises(
        ModelRejected,
        match=rf"estimator '{name}': x has a direction \(`monotone`\), and scores move against it",
    ):
        verify_directions(
            name, graph, contract("increasing" if direction > 0 else "decreasing"), drawn(3)
        )


@each_directed_estimator
def test_a_model_with_its_directions_is_verified_when_it_is_packed(name: str) -> None:
    directed = contract("increasing", "decreasing", "increasing")
    model = candidate(name, directed.directions, seed=5)
    assert "model.onnx" in pack(model, directed, drawn(5))
    with pytest.raises(ModelRejected, match="x has a direction"):
        pack(candidate(name, (), seed=5), directed, drawn(5))


@each_directed_estimator
def test_with_synthetic_positives_the_directions_are_kept(name: str) -> None:
    features = drawn(6)
    rows = Rows(features.astype(np.float32), labels(features, 6), CATEGORIES, (1, 0, 0, 0, 0))
    fitted = Trainer(Training(imbalance="smote"), threads=1).fit(
        find_estimator(name), rows, PARAMS[name], watch=rows.take(slice(0, 200))
    )
    model = Candidate(
        fitted=fitted, calibration=Calibration(), threshold=0.5, params={}, metrics={}
    )
    assert moves(to_onnx(model, COLUMNS), features[:30], 0).min() >= -1e-6


def test_nothing_is_left_out_without_a_direction() -> None:
    estimators = [LogisticEstimator(), XGBoostEstimator()]
    kept = keeping(estimators, contract())
    assert (kept.estimators, kept.reasons) == (estimators, [])


def test_an_estimator_that_keeps_no_direction_is_left_out_with_the_reason() -> None:
    kept = keeping([LogisticEstimator(), XGBoostEstimator()], contract(x="increasing"))
    assert [each.name for each in kept.estimators] == ["xgboost"]
    assert kept.reasons == [
        "logistic is not trained: it can't keep the direction (`monotone`) of x"
    ]


def test_an_estimator_that_says_nothing_of_directions_keeps_none() -> None:
    older: Any = SimpleNamespace(name="older")  # of a package from before directions
    assert not keeps_directions(older)
    assert keeping([older, XGBoostEstimator()], contract(y="decreasing")).reasons


def test_without_any_estimator_that_keeps_directions_nothing_is_trained() -> None:
    message = (
        "training.estimators: logistic can't keep a direction, and the contract says `monotone` "
        "of x, both: add xgboost or lightgbm, or remove `monotone`"
    )
    with pytest.raises(UseCaseError) as refused:
        keeping([LogisticEstimator()], contract(x="increasing", both="increasing"))
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("directed", "notes"),
    [
        pytest.param(contract(), [], id="no direction"),
        pytest.param(contract(both="increasing"), [], id="of a derived feature"),
        pytest.param(contract(y="decreasing", both="increasing"), ["product"], id="one is free"),
        pytest.param(contract(x="increasing"), ["both", "product"], id="both are free"),
    ],
)
def test_a_derived_feature_without_the_direction_of_its_input_is_noted(
    directed: Contract, notes: list[str]
) -> None:
    found = list(indirect(directed))
    assert len(found) == len(notes)
    for note, name in zip(found, notes, strict=True):
        assert f"and {name}, which is computed from it, has no direction" in note


def test_what_a_preparation_adds_has_no_direction() -> None:
    directions = (1, 0, -1)
    assert prepared_directions(None, directions) == directions
    encoded = Preparation(fill=(0.0, 0.0, 0.0), categories=(0, 3, 0), indicators=(0, 2))
    assert prepared_directions(encoded, directions) == (1, 0, 0, 0, -1, 0, 0)
    numbered = Preparation(fill=None, categories=(0, 0, 0), levels=((), (0.1, 0.2), ()))
    assert prepared_directions(numbered, directions) == directions
    assert prepared_directions(encoded, ()) == ()


def test_a_column_without_two_values_can_not_move_a_score() -> None:
    features = drawn(7)
    features[:, 0] = np.nan
    graph = to_onnx(candidate("xgboost", (), seed=7), COLUMNS)
    verify_directions("xgboost", graph, contract(x="increasing"), features)
