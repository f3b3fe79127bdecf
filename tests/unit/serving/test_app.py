"""The HTTP API: answers, refusals and the OpenAPI page."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from pipelines.errors import JournalFull
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT, Settings
from serving.model.registry import FolderRegistry
from serving.service import BODY_LIMIT, Service
from serving.wire.api_keys import ApiKey, ApiKeys, hashed, write
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT

BATCH = "/v1/fraud/predict/batch"
LABELS = "/v1/fraud/labels"


def copy_fraud(root, name="fraud"):
    """Copy the use case fraud to `root`, under a name."""
    folder = root / "reference" / name
    shutil.copytree(ROOT / "reference/fraud", folder)
    return folder


def service_of(root, **settings):
    """A service of the use cases in `root`, without a model."""
    all_settings = Settings(
        root=root,
        home=root / "home",
        api_key="secret",
        **settings,
    )
    return Service(all_settings, FolderRegistry(root))


def as_numbers(row):
    """The raw features of a row."""
    features = made.FRAUD.features
    return [feature.as_number(row[feature.name]) for feature in features]


def request_body(page, path):
    """The documented request body of a POST route."""
    operation = page["paths"][path]["post"]
    return operation["requestBody"]["content"]["application/json"]


def test_a_prediction_is_answered_and_journaled(service, client):
    row = made.row(amount=100, transaction_id="t-1", customer_id="c")
    answer = client.predict(row)
    assert answer.status_code == 200
    body = answer.json()
    assert body["transaction_id"] == "t-1"
    assert body["model_version"] == 1
    assert body["threshold"] == made.THRESHOLD
    score = 1 / (1 + np.exp(-0.1))
    assert body["score"] == pytest.approx(score, abs=1e-6)
    assert body["predicted_label"] == 1
    assert body["risk"] == "high"
    (prediction,) = made.journaled(service.journal)
    assert str(prediction.prediction_id) == body["prediction_id"]
    assert prediction.score == body["score"]
    assert prediction.event_time == prediction.scored_at
    assert prediction.entity_key == "c"
    expected = Deriver(made.FRAUD)(np.array([as_numbers(row)]))
    np.testing.assert_array_equal([prediction.features], expected)


@pytest.mark.parametrize(
    "count",
    [pytest.param(2, id="a small batch"), pytest.param(200, id="a batch scored in a thread")],
)
def test_a_batch_is_answered_in_order_and_journaled(service, client, count):
    answer = client.post(BATCH, json={"rows": made.rows(count)})
    predictions = answer.json()["predictions"]
    transaction_ids = [prediction["transaction_id"] for prediction in predictions]
    assert transaction_ids == [str(number) for number in range(count)]
    scores = [prediction["score"] for prediction in predictions]
    assert scores == sorted(scores)
    prediction_ids = [prediction["prediction_id"] for prediction in predictions]
    assert prediction_ids == made.journaled_ids(service.journal)


def test_a_bad_row_refuses_the_batch_and_nothing_is_journaled(service, client):
    rows = [made.row(), made.row(amount=-1)]
    answer = client.post(BATCH, json={"rows": rows})
    assert answer.status_code == 422
    body = answer.json()
    assert body["field"] == "amount"
    assert body["value"] == -1
    assert body["row"] == 1
    assert made.journaled(service.journal) == []


def test_an_id_is_generated_when_none_is_sent(client):
    body = client.predict(made.row()).json()
    assert body["transaction_id"] == body["prediction_id"].replace("-", "")


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
        {"path": LABELS, "json": {"labels": [{"transaction_id": "t", "label": True}]}},
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


def test_a_streamed_body_that_grows_too_large_is_refused(client):
    async def parts():
        for _ in range(3):
            yield b" " * 2**20

    answer = client.post(PREDICT, content=parts())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/readyz"), ("POST", PREDICT), ("GET", "/v1/fraud/model")]
)
def test_without_a_model_the_server_answers_503_with_retry_after(bare, method, path):
    client = made.Client(bare)
    answer = client.request(method, path, json=made.row())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_without_a_model_the_server_is_alive_and_names_the_use_case(bare):
    client = made.Client(bare)
    alive = client.get("/healthz", key=None)
    assert alive.status_code == 200
    ready = client.get("/readyz", key=None)
    assert "fraud" in ready.json()["without_model"]


def test_with_a_model_the_server_is_ready_and_describes_the_model(client):
    ready = client.get("/readyz", key=None)
    assert ready.json()["models"] == {"fraud": 1}
    model = client.get("/v1/fraud/model").json()
    assert model["version"] == 1
    assert model["kind"] == "logistic"
    assert model["contract_hash"] == made.FRAUD.hash
    assert model["columns"] == list(made.FRAUD.columns)


def test_a_full_journal_answers_503_and_is_not_ready(service, client, monkeypatch):
    def full(entries: object) -> None:
        raise JournalFull("no room")

    monkeypatch.setattr(service.journal, "append", full)
    monkeypatch.setattr(type(service.journal), "full", True)
    prediction = client.predict(made.row())
    ready = client.get("/readyz")
    for answer in (prediction, ready):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0


def test_an_unexpected_error_answers_500_with_its_request_id(service, client, monkeypatch):
    def broken(line: object) -> None:
        raise RuntimeError("so")

    monkeypatch.setattr(service.journal, "append", broken)
    headers = {"X-Request-ID": "shop-7"}
    answer = client.predict(made.row(), headers=headers)
    assert answer.status_code == 500
    expected = "internal server error; see the server log for request ID shop-7"
    assert answer.json()["detail"] == expected


def test_metrics_count_predictions_by_label_and_requests_by_route(client):
    client.predict(made.row(amount=100))
    client.predict({})
    text = client.get("/metrics", key=None).text
    assert 'sixgate_predictions_total{predicted_label="1",use_case="fraud"} 1.0' in text
    assert f'sixgate_request_seconds_count{{route="{PREDICT}"}} 2.0' in text
    assert f'sixgate_requests_total{{route="{PREDICT}",status="422"}} 1.0' in text
    assert "sixgate_journal_bytes" in text


def test_the_openapi_page_shows_the_contracts_features_with_their_rules(client):
    page = client.get("/openapi.json", key=None).json()
    schema = request_body(page, PREDICT)["schema"]
    assert schema == {"$ref": "#/components/schemas/FraudTransaction"}
    row = page["components"]["schemas"]["FraudTransaction"]
    properties = row["properties"]
    features = [name for name in properties if name in made.FRAUD.raw]
    assert features == list(made.FRAUD.raw)
    assert properties["amount"]["maximum"] == 100000
    assert properties["amount"]["description"]
    required = {feature.name for feature in made.FRAUD.features if not feature.nullable}
    assert set(row["required"]) == required
    assert page["components"]["securitySchemes"]["X-API-Key"]["in"] == "header"
    responses = page["paths"][PREDICT]["post"]["responses"]
    assert {"200", "401", "403", "413", "422", "503"} <= set(responses)


def test_every_reference_of_the_openapi_page_is_defined(client):
    text = client.get("/openapi.json", key=None).text
    defined = set(json.loads(text)["components"]["schemas"])
    references = text.split("#/components/schemas/")[1:]
    referenced = {reference.split('"')[0] for reference in references}
    assert referenced <= defined


def test_the_docs_page_loads_nothing_from_other_hosts(client):
    page = client.get("/docs", key=None).text
    assert "https://" not in page
    assert "http://" not in page
    script = page.split('<script src="')[1].split('"')[0]
    answer = client.get(script, key=None)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", [PREDICT, BATCH])
def test_the_pages_examples_are_accepted(client, path):
    page = client.get("/openapi.json").json()
    example = request_body(page, path)["example"]
    answer = client.post(path, json=example)
    assert answer.status_code == 200


def test_a_batch_that_is_too_long_is_refused_with_its_length_and_not_its_rows(client):
    rows = [made.row()] * 1001
    answer = client.post(BATCH, json={"rows": rows})
    assert answer.status_code == 422
    assert answer.json()["value"] == "1,001 rows"


def test_a_use_case_with_a_broken_contract_is_refused_and_the_others_are_served(tmp_path):
    copy_fraud(tmp_path)
    (tmp_path / "reference/loans").mkdir()
    (tmp_path / "reference/loans/contract.yaml").write_text("title: Loans\n")
    service = service_of(tmp_path)
    made.serve(service)
    client = made.Client(service)
    answer = client.predict(made.row())
    assert answer.status_code == 200
    refused = client.post("/v1/loans/predict", json={})
    assert refused.status_code == 503
    assert "loans/contract.yaml" in refused.json()["detail"]
    ready = client.get("/readyz")
    assert ready.status_code == 503
    body = ready.json()
    assert list(body["faults"]) == ["loans"]
    assert body["models"] == {"fraud": 1}
    assert body["without_model"] == ["loans"]
    service.journal.close()


@pytest.mark.parametrize(
    ("use_cases", "without_model", "status"),
    [
        pytest.param("", ["loans"], 503, id="one of two use cases has a model"),
        pytest.param("fraud", [], 200, id="the other use case is not served"),
    ],
)
def test_the_server_is_ready_once_every_use_case_that_it_serves_has_a_model(
    tmp_path, use_cases, without_model, status
):
    copy_fraud(tmp_path)
    copy_fraud(tmp_path, "loans")
    service = service_of(tmp_path, use_cases=use_cases)
    made.serve(service)
    client = made.Client(service)
    ready = client.get("/readyz", key=None)
    assert ready.status_code == status
    assert ready.json()["without_model"] == without_model
    alive = client.get("/healthz", key=None)
    assert alive.status_code == 200
    loans = client.get("/v1/loans/model")
    assert (loans.status_code == 404) == bool(use_cases)
    service.journal.close()


@pytest.mark.parametrize("file", ["contract.yaml", "policy.yaml"])
def test_a_server_that_starts_with_an_invalid_file_serves_by_the_last_valid_one_and_says_so(
    tmp_path, file
):
    folder = copy_fraud(tmp_path)
    service_of(tmp_path).journal.close()
    (folder / file).write_text("a: [")
    service = service_of(tmp_path)
    made.serve(service)
    client = made.Client(service)
    answer = client.predict(made.row())
    assert answer.status_code == 200
    ready = client.get("/readyz", key=None)
    assert ready.status_code == 200
    assert ready.json()["without_model"] == []
    fault = ready.json()["faults"]["fraud"]
    assert f"{file} is not YAML" in fault
    assert "last valid" in fault
    metrics = client.get("/metrics", key=None).text
    assert 'sixgate_use_case_invalid{use_case="fraud"} 1.0' in metrics
    service.journal.close()


def test_a_server_without_any_copy_of_an_invalid_policy_still_serves(tmp_path):
    folder = copy_fraud(tmp_path)
    (folder / "policy.yaml").unlink()
    service = service_of(tmp_path)
    assert [scorer.use_case for scorer in service.scorers] == ["fraud"]
    assert "policy.yaml is missing" in str(service.faults["fraud"])
    service.journal.close()
