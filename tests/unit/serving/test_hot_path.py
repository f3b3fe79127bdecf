"""Request ids, and what the outermost application answers by itself."""

from __future__ import annotations

import pytest

from tests.unit.serving import made
from tests.unit.serving.made import PREDICT


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PREDICT), ("GET", "/healthz"), ("GET", "/nowhere")]
)
def test_a_request_id_comes_back_and_one_is_generated_otherwise(client, method, path):
    row = made.row()
    headers = {"X-Request-ID": "shop-7/42"}
    answer = client.request(method, path, json=row, headers=headers)
    assert answer.headers["x-request-id"] == "shop-7/42"
    for _ in range(3):
        answer = client.request(method, path, json=row)
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize("invalid", ["x" * 129, "a b", "ä"])
@pytest.mark.parametrize(
    ("row", "status"),
    [pytest.param(made.row(), 200, id="accepted"), pytest.param({}, 422, id="refused")],
)
def test_an_id_that_could_corrupt_a_log_is_replaced(client, invalid, row, status):
    headers = {"X-Request-ID": invalid.encode()}
    answer = client.predict(row, headers=headers)
    assert answer.status_code == status
    assert answer.headers["x-request-id"] not in ("", invalid)


ONCE = {"Idempotency-Key": "order-7"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(PREDICT, made.row(), id="one row"),
        pytest.param(f"{PREDICT}/batch", {"rows": [made.row()]}, id="a batch"),
    ],
)
def test_an_idempotency_key_gets_the_first_answer_and_one_prediction(service, client, path, body):
    first = client.post(path, json=body, headers=ONCE)
    again = client.post(path, json=body, headers=ONCE)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(made.journaled(service.journal)) == 1
    assert b'sixgate_replayed_answers_total{caller="admin"} 1.0' in service.metrics.text()


def test_an_idempotency_key_is_refused_for_another_body_or_route(service, client):
    client.predict(made.row(), headers=ONCE)
    for path, body in ((PREDICT, made.row(amount=1)), (f"{PREDICT}/batch", {"rows": [made.row()]})):
        answer = client.post(path, json=body, headers=ONCE)
        assert answer.status_code == 422
        assert answer.json()["field"] == "Idempotency-Key"
    assert len(made.journaled(service.journal)) == 1


def test_a_refused_request_leaves_its_idempotency_key_free(service, client):
    assert client.predict({}, headers=ONCE).status_code == 422
    assert client.predict(made.row(), headers=ONCE).status_code == 200


def test_without_an_idempotency_key_every_request_is_a_prediction(service, client):
    client.predict(made.row())
    client.predict(made.row())
    assert len(made.journaled(service.journal)) == 2
