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
        "not_in_production": [],
        "contracts": {"fraud": made.FRAUD.hash},
        "faults": {},
    }


def never_loaded(scorer):
    scorer.looked_up = True
    scorer.in_production = False


def can_not_be_loaded(scorer):
    scorer.in_production = True
    scorer.error = "version 3 can't be served"


def is_away(scorer):
    scorer.in_production = False
    scorer.error = "the model registry is not reachable"


UNREADY = [
    pytest.param(lambda scorer: None, [], 503, 200, id="nothing is known yet"),
    pytest.param(never_loaded, ["loans"], 200, 200, id="no version is in Production"),
    pytest.param(is_away, ["loans"], 200, 200, id="no version was when the registry went away"),
    pytest.param(can_not_be_loaded, [], 503, 503, id="the Production version can't be loaded"),
]


@pytest.mark.parametrize(("state", "not_in_production", "of_start", "added"), UNREADY)
@pytest.mark.parametrize("is_added", [False, True], ids=["of the start", "added"])
def test_a_use_case_without_a_model_beside_one_that_has_one(
    tmp_path, state, not_in_production, of_start, added, is_added
):
    made.copy_fraud(tmp_path)
    if not is_added:
        made.copy_fraud(tmp_path, "loans")
    service = made.service_of(tmp_path)
    made.serve(service, "fraud")
    if is_added:
        made.copy_fraud(tmp_path, "loans")
        service.use_cases.add(["loans"], new=True)
    state(service.use_cases.scorer("loans"))
    ready = made.Client(service).get("/readyz")
    assert ready.status_code == (added if is_added else of_start)
    assert ready.json()["without_model"] == ["loans"]
    assert ready.json()["not_in_production"] == not_in_production
    service.journal.close()


def test_without_any_model_a_server_is_not_ready_even_if_none_is_in_production(bare):
    never_loaded(bare.use_cases.scorer("fraud"))
    ready = made.Client(bare).get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["detail"] == (
        "no model is loaded for fraud: no version is in Production yet"
    )
    assert ready.json()["not_in_production"] == ["fraud"]


@pytest.mark.parametrize(
    ("in_production", "status"),
    [
        pytest.param({}, 503, id="the ledger was not read yet"),
        pytest.param({"loans": True}, 503, id="a version is in Production"),
        pytest.param({"loans": False}, 200, id="no version is in Production"),
    ],
)
def test_a_faulty_folder_of_the_start_counts_unless_no_version_is_in_production(
    tmp_path, in_production, status
):
    made.copy_fraud(tmp_path)
    valid = made.copy_fraud(tmp_path, "loans") / "contract.yaml"
    content = valid.read_text()
    valid.write_text("a: [")
    service = made.service_of(tmp_path)
    made.serve(service, "fraud")
    service.use_cases.in_production = in_production
    client = made.Client(service)
    assert client.get("/readyz").status_code == status
    valid.write_text(content)
    service.use_cases.add(["loans"], new=True)
    assert client.get("/readyz").status_code == status, "to be corrected changes nothing yet"
    service.journal.close()


def test_a_faulty_folder_that_appears_later_is_shown_and_the_server_stays_ready(tmp_path):
    made.copy_fraud(tmp_path)
    service = made.service_of(tmp_path)
    made.serve(service, "fraud")
    (made.copy_fraud(tmp_path, "loans") / "policy.yaml").write_text("a: [")
    service.use_cases.add(["loans"], new=True)
    ready = made.Client(service).get("/readyz")
    assert ready.status_code == 200
    assert "loans" in ready.json()["faults"]
    assert ready.json()["without_model"] == []
    service.journal.close()


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
