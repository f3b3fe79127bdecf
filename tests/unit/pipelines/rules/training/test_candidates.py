"""Candidates are compared on newer rows, and their files are refused when they are not what was registered."""

from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.rules.model.bundle import digest
from pipelines.rules.training.candidates import Candidate, choose, fit_all
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy_sections.training import Training
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
