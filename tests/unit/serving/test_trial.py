"""A model is tried by the server's own code, in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.errors import ModelRejected
from pipelines.stores.serving_trial import run_trial
from tests.unit.serving import made


def test_requests_are_answered_as_the_model_scores_and_their_time_and_memory_are_known() -> None:
    amounts = [0.0, 10.0, 5000.0]
    trial = run_trial(
        made.FRAUD, made.files(bias=-1), [made.row(amount=amount) for amount in amounts]
    )
    np.testing.assert_allclose(
        trial.scores, 1 / (1 + np.exp(1 - 0.001 * np.array(amounts))), atol=1e-6
    )
    assert 0 < trial.p50 <= trial.p99 < 1
    assert 40 * 2**20 < trial.memory < 400 * 2**20  # this process has more, and it is not counted


@pytest.mark.parametrize(
    ("files", "asked", "words"),
    [
        pytest.param(
            made.files(wrong_by=0.01),
            made.row(),
            "known answers differ",
            id="a model that is not proven",
        ),
        pytest.param(
            made.files(),
            made.row(amount=-1),
            "amount: -1: must be a number from 0",
            id="a request it refuses",
        ),
        pytest.param(
            made.files(bias=float("nan")),
            made.row(),
            "known answers can.t be tried",
            id="a score that is no number",
        ),
    ],
)
def test_what_the_server_does_not_take_is_rejected_with_its_words(files, asked, words) -> None:
    with pytest.raises(ModelRejected, match=words):
        run_trial(made.FRAUD, files, [made.row(), asked])
