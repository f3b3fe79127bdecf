"""Candidates are compared on newer rows, and their files are refused when they are not what was registered."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import digest
from pipelines.rules.training.candidates import Candidate, choose, fit_all
from pipelines.rules.training.daily_capacity import Capacity
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy_sections.training import Threshold, Training
from pipelines.settings import ROOT
from pipelines.use_case import read_contract, read_policy

ESTIMATORS = (LogisticEstimator(), XGBoostEstimator())


def training(**changed: Any) -> Training:
    """The shipped policy with a short search."""
    shipped = read_policy(ROOT / "reference" / "fraud").training
    return msgspec.structs.replace(shipped, **{"seed": 1, "trials": 3, "folds": 2, **changed})


@pytest.fixture(scope="module")
def contract() -> Contract:
    return read_contract(ROOT / "reference" / "fraud")


@pytest.fixture(scope="module")
def features(contract: Contract) -> NDArray[np.float32]:
    values = np.random.default_rng(0).normal(size=(4000, len(contract.columns))).astype(np.float32)
    values[np.random.default_rng(1).random(values.shape) < 0.03] = np.nan
    return values


@pytest.fixture(scope="module")
def candidates(features: NDArray[np.float32]) -> dict[str, Candidate]:
    seen = np.nan_to_num(features)
    truth = (
        2 * seen[:, 0] + seen[:, 1] * seen[:, 2] + np.random.default_rng(2).normal(size=len(seen))
        > 2
    )
    rows = Rows(features, truth.astype(np.int8))
    fitted = fit_all(rows, 3000, ESTIMATORS, Trainer(training(trees=60), threads=2))
    return {candidate.kind: candidate for candidate in fitted}


def files(
    candidate: Candidate, features: NDArray[np.float32], contract: Contract
) -> dict[str, bytes]:
    return pack(candidate, contract, features.astype(np.float64))


def test_the_better_candidate_on_later_rows_is_chosen(candidates: dict[str, Candidate]) -> None:
    chosen = choose(list(candidates.values()))
    assert chosen.metrics["average_precision"] == max(
        c.metrics["average_precision"] for c in candidates.values()
    )
    assert 0 < chosen.threshold < 1


def test_the_same_rows_and_seed_give_the_same_digest(
    features: NDArray[np.float32], contract: Contract
) -> None:
    labels = (np.nan_to_num(features[:, 0]) > 1).astype(np.int8)
    rows = Rows(features, labels)
    trainer = Trainer(training(trees=20), threads=2)
    made = []
    for _ in range(2):
        candidate = fit_all(rows, 3000, ESTIMATORS, trainer)[1]
        made.append(digest(files(candidate, features, contract)))
    assert made[0] == made[1]


def test_a_candidate_over_the_capacity_is_not_chosen(candidates: dict[str, Candidate]) -> None:
    best = choose(list(candidates.values()))
    others = [candidate for candidate in candidates.values() if candidate is not best]
    refused = replace(best, over_capacity="too many rows share its highest score")
    assert choose([refused, *others]) is others[0]
    with pytest.raises(
        ModelRejected, match=rf"estimator '{best.kind}': too many rows .*: permit more flagged rows"
    ):
        choose([refused])


def test_the_threshold_of_a_capacity_is_kept_and_measured(features: NDArray[np.float32]) -> None:
    seen = np.nan_to_num(features)
    noise = np.random.default_rng(2).normal(size=len(seen))
    rows = Rows(features, (2 * seen[:, 0] + noise > 2).astype(np.int8))
    days = np.arange(1000) // 100
    policy = Threshold(metric="alerts", per_day=7)
    capacity = Capacity.of(policy, days=days, weights=np.ones(1000), entities=np.arange(1000))
    trainer = Trainer(training(threshold=policy), threads=2)
    (candidate,) = fit_all(rows, 3000, ESTIMATORS[:1], trainer, capacity=capacity)
    assert candidate.judged is not None
    flags = candidate.judged.scores >= candidate.threshold
    flagged = np.bincount(days, weights=flags)
    assert flagged.max() == 7, "scores of this model are all different"
    assert candidate.metrics["most_flagged_per_day"] == 7
    assert candidate.metrics["flagged_per_day"] == flagged.mean()
    assert candidate.metrics["precision_at_7"] == candidate.metrics["card_precision_at_7"] > 0.5


def test_without_a_threshold_that_keeps_the_capacity_nothing_is_flagged() -> None:
    random = np.random.default_rng(4)
    cell = random.integers(0, 2, (800, 1)).astype(np.float32)
    labels = (random.random(800) < 0.1 + 0.6 * cell[:, 0]).astype(np.int8)
    policy = Threshold(metric="alerts", per_day=3)
    capacity = Capacity.of(
        policy, days=np.zeros(200, np.int64), weights=np.ones(200), entities=None
    )
    trainer = Trainer(training(threshold=policy), threads=1)
    (candidate,) = fit_all(Rows(cell, labels), 600, ESTIMATORS[:1], trainer, capacity=capacity)
    assert candidate.over_capacity is not None
    assert "predictions of one day or none" in candidate.over_capacity
    assert (candidate.metrics["flagged_share"], candidate.metrics["recall"]) == (0, 0)
