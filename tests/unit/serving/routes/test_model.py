"""`/model` describes the model in service on this replica."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from serving.model.served_model import load
from serving.wire.api_keys import ApiKey, ApiKeys, hashed, write
from tests.unit.serving import made

PATH = "/v1/fraud/model"


def test_the_model_in_service_is_described(client):
    before = datetime.now(UTC)
    model = client.get(PATH).json()
    assert datetime.fromisoformat(model.pop("loaded_at")) <= before
    assert model == {
        "use_case": "fraud",
        "version": 1,
        "digest": made.served(made.files()).digest,
        "kind": "logistic",
        "threshold": made.THRESHOLD,
        "contract_hash": made.FRAUD.hash,
        "columns": list(made.FRAUD.columns),
    }


def test_after_a_promotion_the_new_model_is_described(service, client):
    files = made.files(bias=1)
    (scorer,) = service.scorers
    scorer.model = load(files, made.served(files, 2), made.FRAUD)
    model = client.get(PATH).json()
    assert (model["version"], model["digest"]) == (2, made.served(files).digest)


@pytest.mark.parametrize(
    ("looked_up", "error", "reason"),
    [
        pytest.param(False, None, "the server is starting", id="at the start"),
        pytest.param(True, None, "no version is in Production yet", id="before a promotion"),
        pytest.param(True, "its digest differs", "its digest differs", id="after a refusal"),
    ],
)
def test_why_there_is_no_model_is_said(bare, looked_up, error, reason):
    (scorer,) = bare.scorers
    scorer.looked_up = looked_up
    scorer.error = error
    answer = made.Client(bare).get(PATH)
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("fraud has no model to serve: ")
    assert reason in answer.json()["detail"]


def test_a_description_needs_the_scope_read(service, client):
    file = service.settings.home / "api_keys.json"
    write(file, [ApiKey("shop", hashed("shop"), frozenset({"predict"}))])
    service.keys = ApiKeys(file)
    answer = client.get(PATH, key="shop")
    assert answer.status_code == 403
    assert "lacks the scope 'read'" in answer.json()["detail"]
