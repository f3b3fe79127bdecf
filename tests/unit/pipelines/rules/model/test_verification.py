"""A model is loaded only when its files are what was registered and its known answers hold."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import digest
from pipelines.rules.model.verification import prove
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.use_case.contract import Contract
from tests.unit.pipelines.rules.training.test_candidates import (
    candidates,
    contract,
    features,
    files,
)

__all__ = ["candidates", "contract", "features"]


@pytest.mark.parametrize(
    ("broken", "content", "words"),
    [
        pytest.param(
            "model.onnx", b"not a graph", "changed", id="another graph has another digest"
        ),
        pytest.param(
            "known_answers.json",
            b'{"features": [], "scores": []}',
            "changed",
            id="so have other answers",
        ),
    ],
)
def test_files_that_are_not_what_was_registered_are_refused(
    broken: str,
    content: bytes,
    words: str,
    candidates: dict[str, Candidate],
    features: NDArray[np.float32],
    contract: Contract,
) -> None:
    whole = files(candidates["xgboost"], features, contract)
    with pytest.raises(ModelRejected, match=words):
        prove({**whole, broken: content}, contract, version=1, named=digest(whole))


def test_a_model_whose_known_answers_do_not_hold_is_refused(
    candidates: dict[str, Candidate], features: NDArray[np.float32], contract: Contract
) -> None:
    whole = files(candidates["xgboost"], features, contract)
    other = {
        **whole,
        "known_answers.json": files(candidates["logistic"], features, contract)[
            "known_answers.json"
        ],
    }
    with pytest.raises(ModelRejected, match="known answers differ"):
        prove(other, contract, version=1, named=digest(other))
