"""`/predictions/{prediction_id}`: found at once, and the same after it was logged."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from serving.journal.prediction_ids import uuid7
from tests.integration.logged import rewrite
from tests.unit.serving import made


def path(prediction_id):
    return f"/v1/fraud/predictions/{prediction_id}"


def test_a_prediction_is_found_at_once_and_the_same_after_it_was_logged(service, client, ship):
    sent = made.row(amount=12.5, customer_id="c-1", event_time="2026-01-05T08:00:00Z")
    answer = client.predict(sent | {"transaction_id": "t-1"}).json()
    at_once = client.get(path(answer["prediction_id"])).json()
    assert at_once.pop("logged") is False
    ship()
    logged = client.get(path(answer["prediction_id"])).json()
    assert logged.pop("logged") is True
    assert logged == at_once
    assert {name: logged["features"][name] for name in made.FRAUD.raw} == {
        name: sent[name] for name in made.FRAUD.raw
    }
    assert set(logged["features"]) == set(made.FRAUD.columns)
    assert logged["score"] == answer["score"]
    assert (logged["transaction_id"], logged["entity_key"]) == ("t-1", "c-1")
    assert logged["event_time"] == "2026-01-05T08:00:00Z"
    assert (logged["replica"], logged["contract_hash"]) == (service.replica, made.FRAUD.hash)


@pytest.mark.parametrize(
    ("prediction_id", "detail"),
    [
        pytest.param(UUID(int=7), "use a prediction_id returned by /predict", id="of no replica"),
        pytest.param(UUID(int=7 << 76 | 0b10 << 62), "is logged", id="of 1970"),
    ],
)
def test_an_unknown_prediction_is_not_found(client, prediction_id, detail):
    answer = client.get(path(prediction_id))
    assert answer.status_code == 404
    assert detail in answer.json()["detail"]


def test_a_recent_prediction_of_another_replica_may_not_be_shipped_yet(client):
    recent = uuid7(int(time.time() * 1000))[0]
    answer = client.get(path(recent))
    assert answer.status_code == 404
    assert "may not be shipped yet" in answer.json()["detail"]


def test_the_features_of_another_contract_are_named_by_their_position(client, ship, database):
    prediction_id = client.predict(made.row(amount=3)).json()["prediction_id"]
    ship()
    former = "UPDATE prediction_logs SET contract_hash = 'former' WHERE prediction_id = %s"
    rewrite(database, former, (prediction_id,))
    features = client.get(path(prediction_id)).json()["features"]
    assert features["0"] == 3
    assert len(features) == len(made.FRAUD.columns)
