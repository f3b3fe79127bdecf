"""Every refusal is a problem document (RFC 9457) with the status of its error."""

from __future__ import annotations

import json

import psycopg
import pytest

from pipelines.errors import (
    DataError,
    JournalFull,
    ModelRejected,
    UnknownPrediction,
    UseCaseError,
)
from serving.service import BODY_LIMIT
from serving.wire.api_keys import ApiKey, ApiKeys, hashed, write
from serving.wire.json_logs import REQUEST_ID
from serving.wire.problems import MEDIA_TYPE, RETRY_AFTER, Problem, document, refusal
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT

LABELS = "/v1/fraud/labels"


PROBLEMS = [
    pytest.param({"path": PREDICT, "key": None, "json": made.row()}, 401, id="no key"),
    pytest.param({"path": PREDICT, "key": "wrong", "json": made.row()}, 403, id="a wrong key"),
    pytest.param(
        {"path": LABELS, "key": "shop", "json": {"labels": []}}, 403, id="a missing scope"
    ),
    pytest.param(
        {"path": "/v1/nothing/predict", "json": made.row()}, 404, id="an unknown use case"
    ),
    pytest.param({"path": PREDICT, "method": "GET"}, 405, id="a wrong method"),
    pytest.param({"path": PREDICT, "content": b" " * (BODY_LIMIT + 1)}, 413, id="a body too large"),
    pytest.param({"path": PREDICT, "json": made.row(amount="x")}, 422, id="a bad value"),
    pytest.param({"path": "/v1/fraud/predictions/x", "method": "GET"}, 422, id="an invalid id"),
    pytest.param(
        {"path": LABELS, "json": {"labels": [{"transaction_id": "t", "label": "maybe"}]}},
        422,
        id="a bad label",
    ),
]


@pytest.mark.parametrize(("request_", "status"), PROBLEMS)
def test_every_refusal_is_a_problem_document(service, client, request_, status):
    file = service.settings.home / "api_keys.json"
    shop = ApiKey("shop", hashed("shop"), frozenset({"predict"}))
    admin = ApiKey("admin", hashed("secret"), frozenset({"admin"}))
    write(file, [shop, admin])
    service.keys = ApiKeys(file)
    answer = client.request(**{"method": "POST", **request_})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["type"]
    assert ({"field", "value", "rule"} <= body.keys()) == (status == 422)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_an_unexpected_error_answers_500_with_its_request_id(service, client, monkeypatch):
    def broken(line: object) -> None:
        raise RuntimeError("so")

    monkeypatch.setattr(service.journal, "append", broken)
    headers = {"X-Request-ID": "shop-7"}
    answer = client.predict(made.row(), headers=headers)
    assert answer.status_code == 500
    expected = "internal server error; see the server log for request ID shop-7"
    assert answer.json()["detail"] == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(UseCaseError("x"), 404, id="an unknown use case is not found"),
        pytest.param(UnknownPrediction("x"), 404, id="an unknown prediction is not found"),
        pytest.param(DataError("x"), 422, id="a row that breaks the contract is unprocessable"),
        pytest.param(JournalFull("x"), 503, id="a full journal is unavailable for now"),
        pytest.param(ModelRejected("x"), 503, id="a model that must not serve is unavailable"),
        pytest.param(Problem(429, "x", retry_after=3), 429, id="a problem has a status itself"),
    ],
)
def test_an_error_has_its_status_and_its_message(error, status):
    response = refusal(error)
    body = json.loads(response.body)
    assert response.status_code == status
    assert (body["status"], body["detail"]) == (status, "x")
    assert response.headers["content-type"] == MEDIA_TYPE
    assert (response.headers.get("retry-after") is not None) == (status in (429, 503))


def test_a_database_that_is_away_is_unavailable_and_its_message_stays_in_the_log(caplog):
    secret = "connection to postgresql://u:pass@host failed:\n  timeout"
    response = refusal(psycopg.OperationalError(secret))
    body = json.loads(response.body)
    assert response.status_code == 503
    assert response.headers["retry-after"] == str(RETRY_AFTER)
    assert body["detail"].startswith("the database is not reachable")
    assert "pass" not in body["detail"]
    (record,) = caplog.records
    assert "failed: timeout" in record.getMessage()  # on one line


def test_an_unexpected_error_is_logged_whole_and_answered_without_its_message(caplog):
    REQUEST_ID.set(b"shop-9")
    response = refusal(ZeroDivisionError("a secret"))
    body = json.loads(response.body)
    assert response.status_code == 500
    assert body["detail"].endswith("request ID shop-9")
    assert "a secret" not in str(body)
    (record,) = caplog.records
    assert record.exc_info
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_members_and_a_time_to_retry_are_in_the_document():
    problem = Problem(422, "x: 1: must be 0", retry_after=7, field="x", value=1, rule="must be 0")
    response = refusal(problem)
    body = json.loads(response.body)
    assert (body["field"], body["value"], body["rule"]) == ("x", 1, "must be 0")
    assert response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (404, "Not Found"),
        (413, "Request Entity Too Large"),
        (422, "Unprocessable Entity"),
        (501, "Not Implemented"),
    ],
)
def test_the_title_of_a_status_is_the_same_on_every_python(status, title):
    assert json.loads(document(status, "x").body)["title"] == title


def test_a_503_keeps_its_own_time_to_retry():
    response = document(503, "x", headers={"Retry-After": "60"})
    assert response.headers["retry-after"] == "60"


@pytest.mark.parametrize(
    ("method", "path", "detail"),
    [
        pytest.param(
            "GET",
            "/nowhere",
            "no route /nowhere: see /docs; the use cases are fraud",
            id="not found",
        ),
        pytest.param(
            "PUT", PREDICT, f"the method PUT is not allowed at {PREDICT}", id="a wrong method"
        ),
    ],
)
def test_a_refusal_of_the_router_names_what_there_is(client, method, path, detail):
    answer = client.request(method, path)
    assert detail in answer.json()["detail"]


def test_a_wrong_parameter_of_a_path_is_named_with_its_value_and_rule(client):
    answer = client.get("/v1/fraud/predictions/x7")
    body = answer.json()
    assert (body["field"], body["value"]) == ("prediction_id", "x7")
    assert body["detail"].startswith("prediction_id: 'x7': ")
