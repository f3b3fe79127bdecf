"""A model gets rows as the contract that it was trained under has them."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import pytest

from pipelines.rules.use_case.contract import Contract, Feature
from serving.model.scoring_state import AcceptedContracts, ScoringState
from serving.model.served_model import load
from tests.unit.serving import made

ADDED = msgspec.structs.replace(
    made.FRAUD,
    features=(Feature(name="channel", type="int", nullable=True), *made.FRAUD.features),
)


def accepted(contract: Contract) -> AcceptedContracts:
    return AcceptedContracts(
        contract, refused_rows=Counter(), refused_labels=Counter(), taken=Counter()
    )


def test_a_model_of_the_current_contract_gets_the_same_array():
    files = made.files()
    state = ScoringState(accepted(made.FRAUD), load(files, made.served(files), made.FRAUD))
    features = np.zeros((2, len(made.FRAUD.columns)))
    assert state.project is None
    assert state.inputs(features) is features


@pytest.mark.parametrize(
    ("old", "earlier"),
    [
        pytest.param(False, [], id="a version that holds its contract"),
        pytest.param(True, [made.FRAUD], id="a version of an older release"),
    ],
)
def test_a_model_of_another_contract_gets_its_own_columns(old, earlier):
    files = made.files(old=old)
    model = load(files, made.served(files), ADDED, earlier)
    state = ScoringState(accepted(ADDED), model)
    features = np.arange(2.0 * len(ADDED.columns)).reshape(2, -1)
    inputs = state.inputs(features)
    raw = len(made.FRAUD.raw)
    assert inputs.shape == (2, len(made.FRAUD.columns))
    assert np.array_equal(inputs[:, :raw], features[:, 1 : 1 + raw])


def test_only_words_differ():
    words = msgspec.structs.replace(made.FRAUD, title="Payments")
    files = made.files()
    state = ScoringState(accepted(words), load(files, made.served(files), words))
    assert state.project is None
