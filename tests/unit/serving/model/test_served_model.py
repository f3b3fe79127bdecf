"""A model is verified and warmed up before it serves."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import WARM_UP, KnownAnswers
from pipelines.rules.promotion.ledger import Served
from serving.model.served_model import load
from tests.unit.serving import made

COLUMNS = len(made.FRAUD.columns)
ZEROS = np.zeros((1, COLUMNS))


def damaged(name: str, content: bytes) -> dict[str, bytes]:
    """A bundle with one file replaced."""
    return made.files() | {name: content}


def changed_bundle(**changes: object) -> dict[str, bytes]:
    """A bundle with some values of bundle.json replaced."""
    bundle = json.loads(made.files(old=True)["bundle.json"])
    content = json.dumps(bundle | changes)
    return damaged("bundle.json", content.encode())


def test_a_complete_model_loads_and_scores_missing_features():
    files = made.files(bias=-1)
    served = made.served(files, 3)
    model = load(files, served, made.FRAUD)
    features = np.full((2, COLUMNS), np.nan)
    features[1] = 1e300
    low, high = model.score(features)
    sigmoid_of_bias = 1 / (1 + np.e)
    assert low == pytest.approx(sigmoid_of_bias, abs=1e-6)
    assert high == 1
    assert model.served.version == 3
    assert model.bundle.threshold == made.THRESHOLD


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(made.files(wrong_by=0.01), "known answers differ", id="wrong answers"),
        pytest.param(
            damaged("known_answers.json", b'{"features":[],"scores":[]}'),
            "known answers",
            id="no answers",
        ),
        pytest.param(
            damaged("known_answers.json", b"x"),
            "known answers can't be tried",
            id="unreadable answers",
        ),
        pytest.param(damaged("model.onnx", b"x"), "can't be tried", id="no graph"),
        pytest.param(
            changed_bundle(contract_hash="x"),
            "trained under the contract x",
            id="a contract that is lost",
        ),
        pytest.param(changed_bundle(columns=["a"]), "columns", id="other columns"),
    ],
)
def test_a_model_that_fails_verification_is_rejected(files, message):
    with pytest.raises(ModelRejected, match=message):
        load(files, made.served(files), made.FRAUD)


def test_files_with_another_digest_than_the_ledgers_are_rejected():
    other = Served(1, "0" * 64)
    with pytest.raises(ModelRejected, match="digest"):
        load(made.files(), other, made.FRAUD)


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        pytest.param(
            msgspec.json.encode(KnownAnswers([[0.0] * COLUMNS], [0.5])), "", id="a valid warm-up"
        ),
        pytest.param(b"[", "without a warm-up", id="unreadable"),
        pytest.param(
            b'{"features": [[1.0]], "scores": [0.5]}', "without a warm-up", id="of another model"
        ),
    ],
)
def test_an_invalid_warm_up_is_logged_and_the_model_serves(caplog, content, warning):
    files = damaged(WARM_UP, content)
    served = made.served(files)
    assert served == made.served(made.files())
    model = load(files, served, made.FRAUD)
    assert model.score(ZEROS)
    assert warning in caplog.text
    assert bool(caplog.records) == bool(warning)
