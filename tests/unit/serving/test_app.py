"""The HTTP surface: answers, refusals and the page that describes them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from pipelines.errors import JournalFull
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT, Settings
from serving.model.registry import FolderRegistry
from serving.model.served_model import load
from serving.service import BODY_LIMIT, Service
from serving.wire.api_keys import ApiKey, hashed, write
from tests.unit.serving import made

PREDICT, BATCH = "/v1/fraud/predict", "/v1/fraud/predict/batch"


def test_a_prediction_is_answered_and_journaled(service, ask):
    answer = ask(
        service, "POST", PREDICT, json=made.row(amount=100, transaction_id="t-1", customer_id="c")
    )
    assert answer.status_code == 200
    body = answer.json()
    assert (
        body["transaction_id"] == "t-1"
        and body["model_version"] == 1
        and body["threshold"] == made.THRESHOLD
    )
    assert body["score"] == pytest.approx(1 / (1 + np.exp(-0.1)), abs=1e-6)
    assert (body["predicted_label"], body["risk"]) == (1, "high")
    (kept,) = made.journaled(service.journal)
    assert str(kept.prediction_id) == body["prediction_id"] and kept.score == body["score"]
    assert kept.event_time == kept.scored_at and kept.entity_key == "c"
    raw = np.array(
        [[feature.as_number(made.row(amount=100)[feature.name]) for feature in made.FRAUD.features]]
    )
    np.testing.assert_array_equal([kept.features], Deriver(made.FRAUD)(raw))


@pytest.mark.parametrize(
    "count",
    [pytest.param(2, id="a small batch"), pytest.param(200, id="one scored beside the loop")],
)
def test_a_batch_is_answered_in_order_and_journaled(service, ask, count):
    rows = [made.row(amount=number, transaction_id=f"t-{number}") for number in range(count)]
    answers = ask(service, "POST", BATCH, json={"rows": rows}).json()["predictions"]
    assert [answer["transaction_id"] for answer in answers] == [
        f"t-{number}" for number in range(count)
    ]
    assert [answer["score"] for answer in answers] == sorted(answer["score"] for answer in answers)
    assert [str(kept.prediction_id) for kept in made.journaled(service.journal)] == [
        answer["prediction_id"] for answer in answers
    ]


def test_a_bad_row_refuses_the_batch_and_nothing_is_journaled(service, ask):
    answer = ask(service, "POST", BATCH, json={"rows": [made.row(), made.row(amount=-1)]})
    assert answer.status_code == 422
    assert {"field": "amount", "value": -1, "row": 1}.items() <= answer.json().items()
    assert made.journaled(service.journal) == []


def test_an_id_is_made_when_none_is_given(service, ask):
    body = ask(service, "POST", PREDICT, json=made.row()).json()
    assert body["transaction_id"] == body["prediction_id"].replace("-", "")


PROBLEMS = [
    pytest.param({"path": PREDICT, "key": None, "json": made.row()}, 401, id="no key"),
    pytest.param({"path": PREDICT, "key": "wrong", "json": made.row()}, 403, id="a wrong key"),
    pytest.param(
        {"path": "/v1/fraud/labels", "key": "shop", "json": {"labels": []}}, 403, id="a wrong scope"
    ),
    pytest.param(
        {"path": "/v1/nothing/predict", "json": made.row()}, 404, id="an unknown use case"
    ),
    pytest.param({"path": PREDICT, "method": "GET"}, 405, id="a wrong method"),
    pytest.param({"path": PREDICT, "content": b" " * (BODY_LIMIT + 1)}, 413, id="a body too large"),
    pytest.param({"path": PREDICT, "json": made.row(amount="x")}, 422, id="a bad value"),
    pytest.param({"path": "/v1/fraud/predictions/x", "method": "GET"}, 422, id="no id"),
    pytest.param(
        {"path": "/v1/fraud/labels", "json": {"labels": [{"transaction_id": "t", "label": True}]}},
        422,
        id="label",
    ),
]


@pytest.mark.parametrize(("request_", "status"), PROBLEMS)
def test_every_refusal_is_a_problem_document(service, ask, request_, status):
    write(service.settings.home / "api_keys.json", [ApiKey("shop", hashed("shop"), frozenset({"predict"})),
                                                     ApiKey("admin", hashed("secret"), frozenset({"admin"}))])  # fmt: skip
    service.keys = type(service.keys)(service.settings.home / "api_keys.json")
    options = {"method": "POST", **request_}
    answer = ask(service, options.pop("method"), options.pop("path"), **options)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["title"] and body["detail"] and body["type"]
    assert ("field" in body and "value" in body and "rule" in body) == (status == 422)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_streamed_body_that_grows_too_large_is_refused(service, ask):
    async def parts():
        for _ in range(3):
            yield b" " * 2**20

    assert ask(service, "POST", PREDICT, content=parts()).status_code == 413


def test_without_a_model_the_server_lives_is_not_ready_and_says_when_to_ask_again(bare, ask):
    assert ask(bare, "GET", "/healthz", key=None).status_code == 200
    for method, path in (("GET", "/readyz"), ("POST", PREDICT), ("GET", "/v1/fraud/model")):
        answer = ask(bare, method, path, json=made.row())
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert "fraud" in ask(bare, "GET", "/readyz", key=None).json()["without_model"]


def test_with_a_model_the_server_is_ready_and_says_what_serves(service, ask):
    assert ask(service, "GET", "/readyz", key=None).json()["models"] == {"fraud": 1}
    model = ask(service, "GET", "/v1/fraud/model").json()
    assert (model["version"], model["kind"], model["contract_hash"]) == (
        1,
        "logistic",
        made.FRAUD.hash,
    )
    assert model["columns"] == list(made.FRAUD.columns)


def test_a_full_journal_answers_503_and_is_not_ready(service, ask, monkeypatch):
    def full(entries: object) -> None:
        raise JournalFull("no room")

    monkeypatch.setattr(service.journal, "append", full)
    monkeypatch.setattr(type(service.journal), "full", True)
    for answer in (ask(service, "POST", PREDICT, json=made.row()), ask(service, "GET", "/readyz")):
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0


def test_figures_count_predictions_by_label_and_requests_by_route(service, ask):
    ask(service, "POST", PREDICT, json=made.row(amount=100))
    ask(service, "POST", PREDICT, json={})
    text = ask(service, "GET", "/metrics", key=None).text
    assert 'sixgate_predictions_total{predicted_label="1",use_case="fraud"} 1.0' in text
    assert f'sixgate_request_seconds_count{{route="{PREDICT}"}} 2.0' in text
    assert f'sixgate_requests_total{{route="{PREDICT}",status="422"}} 1.0' in text
    assert "sixgate_journal_bytes" in text


def test_the_openapi_page_shows_the_contracts_features_with_their_rules(service, ask):
    page = ask(service, "GET", "/openapi.json", key=None).json()
    operation = page["paths"][PREDICT]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/FraudTransaction"
    }
    row = page["components"]["schemas"]["FraudTransaction"]
    assert [name for name in row["properties"] if name in made.FRAUD.raw] == list(made.FRAUD.raw)
    assert (
        row["properties"]["amount"]["maximum"] == 100000
        and row["properties"]["amount"]["description"]
    )
    assert set(row["required"]) == {
        feature.name for feature in made.FRAUD.features if not feature.nullable
    }
    assert page["components"]["securitySchemes"]["X-API-Key"]["in"] == "header"
    assert {"200", "401", "403", "413", "422", "503"} <= set(operation["responses"])


def test_every_reference_of_the_openapi_page_leads_somewhere(service, ask):
    text = ask(service, "GET", "/openapi.json", key=None).text
    names = set(json.loads(text)["components"]["schemas"])
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= names


def test_the_docs_page_loads_nothing_from_outside(service, ask):
    page = ask(service, "GET", "/docs", key=None).text
    assert "https://" not in page and "http://" not in page
    script = page.split('<script src="')[1].split('"')[0]
    assert ask(service, "GET", script, key=None).status_code == 200


def test_the_pages_examples_are_accepted(service, ask):
    page = ask(service, "GET", "/openapi.json").json()
    for path in (PREDICT, BATCH):
        example = page["paths"][path]["post"]["requestBody"]["content"]["application/json"][
            "example"
        ]
        assert ask(service, "POST", path, json=example).status_code == 200


def test_a_batch_that_is_too_long_is_refused_with_its_length_and_not_its_rows(service, ask):
    answer = ask(service, "POST", BATCH, json={"rows": [made.row()] * 1001})
    assert (answer.status_code, answer.json()["value"]) == (422, "1,001 rows")


def test_a_use_case_with_a_broken_contract_is_refused_and_the_others_are_served(tmp_path, ask):
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference/fraud")
    (tmp_path / "reference/loans").mkdir()
    (tmp_path / "reference/loans/contract.yaml").write_text("title: Loans\n")
    service = Service(
        Settings(root=tmp_path, home=tmp_path / "home", api_key="secret"), FolderRegistry(tmp_path)
    )
    files = made.files()
    service.scorers[0].model = load(files, made.served(files), service.scorers[0].contract)
    assert ask(service, "POST", PREDICT, json=made.row()).status_code == 200
    refused = ask(service, "POST", "/v1/loans/predict", json={})
    assert (refused.status_code, "loans/contract.yaml" in refused.json()["detail"]) == (503, True)
    ready = ask(service, "GET", "/readyz")
    assert (ready.status_code, list(ready.json()["faults"])) == (503, ["loans"])
    assert (ready.json()["models"], ready.json()["without_model"]) == ({"fraud": 1}, ["loans"])
    service.journal.close()


def test_a_use_case_without_a_model_is_named_and_the_server_is_not_ready_until_it_is_not_to_run(
    tmp_path, ask
):
    for name in ("fraud", "loans"):
        shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference" / name)
    for only, status in (("", 503), ("fraud", 200)):
        settings = Settings(root=tmp_path, home=tmp_path / "home", api_key="secret", use_cases=only)
        service = Service(settings, FolderRegistry(tmp_path))
        files = made.files()
        service.scorers[0].model = load(files, made.served(files), service.scorers[0].contract)
        ready = ask(service, "GET", "/readyz", key=None)
        assert (ready.status_code, ready.json()["without_model"]) == (
            status,
            ["loans"] if not only else [],
        )
        assert ask(service, "GET", "/healthz", key=None).status_code == 200
        assert (ask(service, "GET", "/v1/loans/model").status_code == 404) == bool(only)
        service.journal.close()


@pytest.mark.parametrize("file", ["contract.yaml", "policy.yaml"])
def test_a_server_that_starts_with_an_invalid_file_serves_by_the_last_valid_one_and_says_so(
    tmp_path, ask, file
):
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference/fraud")
    settings = Settings(root=tmp_path, home=tmp_path / "home", api_key="secret")
    Service(settings, FolderRegistry(tmp_path)).journal.close()
    (tmp_path / "reference/fraud" / file).write_text("a: [")
    service = Service(settings, FolderRegistry(tmp_path))
    files = made.files()
    service.scorers[0].model = load(files, made.served(files), service.scorers[0].contract)
    assert ask(service, "POST", PREDICT, json=made.row()).status_code == 200
    ready = ask(service, "GET", "/readyz", key=None)
    assert (ready.status_code, ready.json()["without_model"]) == (200, [])
    assert (
        f"{file} is not YAML" in ready.json()["faults"]["fraud"]
        and "last valid" in ready.json()["faults"]["fraud"]
    )
    assert (
        'sixgate_use_case_invalid{use_case="fraud"} 1.0'
        in ask(service, "GET", "/metrics", key=None).text
    )
    service.journal.close()


def test_a_server_without_any_copy_of_an_invalid_policy_still_serves(tmp_path, ask):
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference/fraud")
    (tmp_path / "reference/fraud/policy.yaml").unlink()
    service = Service(
        Settings(root=tmp_path, home=tmp_path / "home", api_key="secret"), FolderRegistry(tmp_path)
    )
    assert [scorer.use_case for scorer in service.scorers] == ["fraud"]
    assert "policy.yaml is missing" in str(service.faults["fraud"])
    service.journal.close()
