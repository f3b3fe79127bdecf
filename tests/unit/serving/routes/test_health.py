"""Liveness, readiness and metrics, without an API key."""

from __future__ import annotations

import pytest

from pipelines.errors import JournalFull
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT


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


def test_a_use_case_with_a_broken_contract_is_refused_and_the_others_are_served(tmp_path):
    made.copy_fraud(tmp_path)
    (tmp_path / "reference/loans").mkdir()
    (tmp_path / "reference/loans/contract.yaml").write_text("title: Loans\n")
    service = made.service_of(tmp_path)
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
    made.copy_fraud(tmp_path)
    made.copy_fraud(tmp_path, "loans")
    service = made.service_of(tmp_path, use_cases=use_cases)
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


def test_with_a_model_the_server_is_ready_and_names_its_version(client):
    ready = client.get("/readyz", key=None)
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "models": {"fraud": 1},
        "without_model": [],
        "contracts": {"fraud": made.FRAUD.hash},
        "faults": {},
    }


def test_liveness_names_the_replica(service, client):
    assert client.get("/healthz", key=None).json() == {
        "status": "alive",
        "replica": service.replica,
    }


def test_a_server_of_no_use_case_is_alive_and_not_ready(tmp_path):
    (tmp_path / "reference").mkdir()
    service = made.service_of(tmp_path)
    client = made.Client(service)
    assert client.get("/healthz", key=None).status_code == 200
    ready = client.get("/readyz", key=None)
    assert ready.status_code == 503
    assert "no model is loaded for any use case" in ready.json()["detail"]
    service.journal.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["predict", "model", "predictions/x/explanation"])
def test_every_route_of_an_unusable_use_case_says_why(tmp_path, method, path):
    folder = made.copy_fraud(tmp_path)
    (folder / "contract.yaml").write_text("title: [")
    service = made.service_of(tmp_path)
    answer = made.Client(service).request(method, f"/v1/fraud/{path}", json={})
    assert answer.status_code == 503
    assert "the use case fraud can't be served" in answer.json()["detail"]
    assert "contract.yaml" in answer.json()["detail"]
    service.journal.close()


def test_metrics_are_prometheus_text_and_need_no_key(client):
    answer = client.get("/metrics", key=None)
    assert answer.headers["content-type"].startswith("text/plain")
    assert "# TYPE sixgate_predictions_total counter" in answer.text
