"""`serving.trial` scores requests with the server's own code, in a separate process."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from pipelines.errors import ModelRejected
from pipelines.stores.serving_trial import run_trial
from tests.unit.serving import made


def test_requests_are_scored_as_the_model_does_and_time_and_memory_are_measured() -> None:
    amounts = [0.0, 10.0, 5000.0]
    requests = [made.row(amount=amount) for amount in amounts]
    files = made.files(bias=-1)
    trial = run_trial(made.FRAUD, files, requests, own=made.FRAUD)
    log_odds = 0.001 * np.array(amounts) - 1
    expected = 1 / (1 + np.exp(-log_odds))
    np.testing.assert_allclose(trial.scores, expected, atol=1e-6)
    assert 0 < trial.p50 <= trial.p99 < 1
    megabytes = trial.memory / 2**20
    assert 40 < megabytes < 400  # not the memory of this process, which has more


def test_a_model_of_an_earlier_contract_is_tried_with_requests_of_the_current_one() -> None:
    added = msgspec.structs.replace(made.FRAUD.features[0], name="brand_new", nullable=True)
    wider = msgspec.structs.replace(made.FRAUD, features=(added, *made.FRAUD.features))
    requests = [made.row(amount=5000.0) | {"brand_new": 1.0}]
    trial = run_trial(wider, made.files(bias=-1, old=True), requests, own=made.FRAUD)
    np.testing.assert_allclose(trial.scores, 1 / (1 + np.exp(-4)), atol=1e-6)


@pytest.mark.parametrize(
    ("files", "request_", "message"),
    [
        pytest.param(
            made.files(wrong_by=0.01),
            made.row(),
            "known answers differ",
            id="a model that fails verification",
        ),
        pytest.param(
            made.files(),
            made.row(amount=-1),
            "amount: -1: must be a number from 0",
            id="a request that is refused",
        ),
        pytest.param(
            made.files(bias=float("nan")),
            made.row(),
            "known answers can.t be tried",
            id="a score that is NaN",
        ),
    ],
)
def test_a_model_or_request_that_the_server_refuses_is_rejected_with_its_message(
    files, request_, message
) -> None:
    requests = [made.row(), request_]
    with pytest.raises(ModelRejected, match=message):
        run_trial(made.FRAUD, files, requests, own=made.FRAUD)
