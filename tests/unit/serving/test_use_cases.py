"""Use cases are taken up as a whole or not at all, at the start and later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import UseCaseError
from serving.app import build
from serving.service import Service
from tests.unit.serving import made


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of fraud alone, with a model, whose reference folder may get more folders."""
    made.copy_fraud(tmp_path)
    service = made.service_of(tmp_path)
    made.serve(service)
    yield service
    service.journal.close()


@pytest.fixture
def client(service: Service) -> made.Client:
    """A client of one application that lives as long as the test."""
    return made.Client(service, build(service))


def names(service: Service) -> list[str]:
    return [scorer.use_case for scorer in service.scorers]


def test_a_use_case_that_is_added_has_every_route_of_one_of_the_start(
    tmp_path: Path, service: Service, client: made.Client
) -> None:
    before = client.get("/openapi.json").json()
    assert client.get("/v1/loans/model").status_code == 404
    made.copy_fraud(tmp_path, "loans")
    service.use_cases.add(["loans"], new=True)
    page = client.get("/openapi.json").json()
    of_fraud = {path for path in before["paths"] if path.startswith("/v1/fraud/")}
    of_loans = {path for path in page["paths"] if path.startswith("/v1/loans/")}
    assert {path.replace("loans", "fraud") for path in of_loans} == of_fraud
    assert "LoansTransaction" in page["components"]["schemas"]
    assert set(before["paths"]) <= set(page["paths"])
    waiting = client.post("/v1/loans/predict", json=made.row())
    assert waiting.status_code == 503
    assert "loans has no model to serve" in waiting.json()["detail"]
    assert "fraud, loans" in client.get("/v1/other/model").json()["detail"]


def test_a_use_case_that_is_added_scores_and_its_predictions_are_journaled(
    tmp_path: Path, service: Service, client: made.Client
) -> None:
    made.copy_fraud(tmp_path, "loans")
    service.use_cases.add(["loans"], new=True)
    made.serve(service, "loans")
    for path in ("/v1/loans/predict", "/v1/fraud/predict"):
        assert client.post(path, json=made.row()).status_code == 200
    batch = client.post("/v1/loans/predict/batch", json={"rows": [made.row()]})
    assert batch.status_code == 200
    journaled = [prediction.use_case for prediction in made.journaled(service.journal)]
    assert journaled == ["loans", "fraud", "loans"]
    metrics = client.get("/metrics").text
    assert 'sixgate_predictions_total{predicted_label="0",use_case="loans"}' in metrics


def test_a_use_case_is_added_once(tmp_path: Path, service: Service) -> None:
    (scorer,) = service.scorers
    service.use_cases.add(["fraud", "fraud"])
    assert service.scorers == (scorer,)
    made.copy_fraud(tmp_path, "loans")
    threads = [
        threading.Thread(target=service.use_cases.add, args=(["loans"],), kwargs={"new": True})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(service) == ["fraud", "loans"]


def test_when_the_routes_can_not_be_made_nothing_changes(
    tmp_path: Path, service: Service, client: made.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.copy_fraud(tmp_path, "loans")
    publish = service.use_cases.publish

    def broken(scorers: object) -> None:
        raise RuntimeError("so")

    monkeypatch.setattr(service.use_cases, "publish", broken)
    with pytest.raises(RuntimeError, match="so"):
        service.use_cases.add(["loans"], new=True)
    assert names(service) == ["fraud"]
    assert client.get("/v1/loans/model").status_code == 404
    monkeypatch.setattr(service.use_cases, "publish", publish)
    service.use_cases.add(["loans"], new=True)
    made.serve(service, "loans")
    assert client.post("/v1/loans/predict", json=made.row()).status_code == 200


@pytest.mark.parametrize("file", ["contract.yaml", "policy.yaml"])
def test_a_new_folder_has_to_be_valid_as_a_whole(
    tmp_path: Path,
    service: Service,
    client: made.Client,
    caplog: pytest.LogCaptureFixture,
    file: str,
) -> None:
    folder = made.copy_fraud(tmp_path, "loans")
    valid = (folder / file).read_text()
    (folder / file).unlink()
    for _ in range(3):
        service.use_cases.add(["loans"], new=True)
    assert names(service) == ["fraud"]
    assert f"{file} is missing" in str(service.faults["loans"])
    said = [record for record in caplog.records if "loans is not served" in record.getMessage()]
    assert len(said) == 1
    refused = client.post("/v1/loans/predict", json=made.row())
    assert refused.status_code == 503
    assert f"{file} is missing" in refused.json()["detail"]
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert list(ready.json()["faults"]) == ["loans"]
    (folder / file).write_text(valid)
    service.use_cases.add(["loans"], new=True)
    assert names(service) == ["fraud", "loans"]
    assert service.faults == {}
    metrics = client.get("/metrics").text
    assert 'sixgate_use_case_invalid{use_case="loans"} 0.0' in metrics


def test_another_fault_of_the_same_folder_is_logged_too(
    tmp_path: Path, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    folder = made.copy_fraud(tmp_path, "loans")
    for text in ("a: [", "a: [", "title: x"):
        (folder / "contract.yaml").write_text(text)
        service.use_cases.add(["loans"], new=True)
    said = [record for record in caplog.records if "loans is not served" in record.getMessage()]
    assert len(said) == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("Fraud", "those of fraud", id="the schemas of another use case"),
        pytest.param("{name}", "braces", id="a route that takes the requests of others"),
    ],
)
def test_a_name_that_would_change_other_use_cases_is_refused(
    tmp_path: Path, service: Service, client: made.Client, name: str, reason: str
) -> None:
    made.copy_fraud(tmp_path, name)
    service.use_cases.add([name], new=True)
    assert names(service) == ["fraud"]
    assert reason in str(service.faults[name])
    assert client.get("/openapi.json").status_code == 200
    assert client.predict(made.row()).status_code == 200


def test_a_use_case_without_a_folder_is_forgotten_and_one_that_is_served_is_not(
    tmp_path: Path, service: Service, client: made.Client
) -> None:
    made.copy_fraud(tmp_path, "loans")
    (tmp_path / "reference/loans/contract.yaml").write_text("a: [")
    service.use_cases.add(["loans"], new=True)
    assert client.get("/v1/loans/model").status_code == 503
    for name in ("loans", "fraud"):
        service.use_cases.forget(name)
    assert client.get("/v1/loans/model").status_code == 404
    assert names(service) == ["fraud"]


def test_what_others_read_is_replaced_and_never_changed(tmp_path: Path, service: Service) -> None:
    scorers = service.scorers
    faults = service.faults
    made.copy_fraud(tmp_path, "loans")
    service.use_cases.add(["loans"], new=True)
    service.use_cases.note("fraud", UseCaseError("test"))
    assert [scorer.use_case for scorer in scorers] == ["fraud"]
    assert faults == {}
