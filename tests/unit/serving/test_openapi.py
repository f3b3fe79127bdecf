"""The OpenAPI document shows the contracts, and what it shows is accepted."""

from __future__ import annotations

import json

import pytest

from serving.openapi import LIVE, PROBLEMS, documented
from serving.wire.schemas import ModelOut
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT

BATCH = "/v1/fraud/predict/batch"


def request_body(page, path):
    """The documented request body of a POST route."""
    operation = page["paths"][path]["post"]
    return operation["requestBody"]["content"]["application/json"]


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


@pytest.mark.parametrize("path", [PREDICT, BATCH])
def test_the_pages_examples_are_accepted(client, path):
    page = client.get("/openapi.json").json()
    example = request_body(page, path)["example"]
    answer = client.post(path, json=example)
    assert answer.status_code == 200


def operations(page):
    """Every documented operation, by method and path."""
    return {
        (method, path): operation
        for path, methods in page["paths"].items()
        for method, operation in methods.items()
    }


def test_every_operation_has_its_own_id_and_a_summary(client):
    page = client.get("/openapi.json", key=None).json()
    every = operations(page)
    ids = [operation["operationId"] for operation in every.values()]
    assert len(ids) == len(set(ids))
    assert all(operation["summary"] for operation in every.values())


def test_every_operation_of_a_use_case_needs_a_key_and_names_its_refusals(client):
    page = client.get("/openapi.json", key=None).json()
    for (_, path), operation in operations(page).items():
        if not path.startswith("/v1/"):
            assert "security" not in operation
            continue
        assert operation["security"] == [{"X-API-Key": []}]
        assert {"401", "403", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            media = "application/problem+json" if int(status) >= 400 else "application/json"
            assert list(response["content"]) == [media]


def test_the_messages_of_the_live_feed_are_described(client):
    schemas = client.get("/openapi.json", key=None).json()["components"]["schemas"]
    for kind in LIVE:
        assert "type" in schemas[kind.__name__]["properties"]
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)


def test_two_use_cases_have_schemas_of_their_own(tmp_path):
    made.copy_fraud(tmp_path)
    made.copy_fraud(tmp_path, "card_fraud")
    service = made.service_of(tmp_path)
    page = made.Client(service).get("/openapi.json", key=None).json()
    assert {"FraudTransaction", "CardFraudTransaction"} <= set(page["components"]["schemas"])
    schema = request_body(page, "/v1/card_fraud/predict")["schema"]
    assert schema == {"$ref": "#/components/schemas/CardFraudTransaction"}
    service.journal.close()


def test_a_route_is_documented_with_its_problems_and_without_a_body_unless_it_has_one():
    arguments = documented({200: ("it", ModelOut)}, problems=(503,))
    assert list(arguments["responses"]) == [200, 401, 403, 503]
    assert arguments["responses"][503]["description"] == PROBLEMS[503]
    assert "requestBody" not in arguments["openapi_extra"]
    with_body = documented({200: ("it", ModelOut)}, problems=(), body="LabelsIn", example={"a": 1})
    body = with_body["openapi_extra"]["requestBody"]
    assert body["required"]
    assert body["content"]["application/json"]["example"] == {"a": 1}
