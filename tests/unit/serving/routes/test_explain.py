"""`/explain` scores one row and says why; nothing is logged."""

from __future__ import annotations

import math

import pytest

from pipelines.explainer import protocol
from serving.model.served_model import ServedModel
from tests.unit.serving import made

PATH = "/v1/fraud/explain"


@pytest.fixture
def client(service):
    """A client of a service whose registry has an explainer for version 1."""
    made.put(service.settings.home, "fraud", 1, made.files() | made.explainer())
    return made.Client(service)


@pytest.fixture
def explain_as(service, monkeypatch):
    """Replace what the helper process replies."""

    def replace(contributions, base_value):
        async def explain(use_case, model, features):
            return protocol.RowExplained(contributions, base_value)

        monkeypatch.setattr(service.explainer, "explain", explain)

    return replace


def zeros():
    return [0.0] * len(made.FRAUD.columns)


def test_the_contributions_add_up_to_the_score_and_nothing_is_logged(service, client):
    answer = client.post(PATH, json=made.row(amount=500))
    assert answer.status_code == 200
    body = answer.json()
    contributions = body["contributions"]
    log_odds = body["base_value"] + sum(part["contribution"] for part in contributions)
    assert 1 / (1 + math.exp(-log_odds)) == pytest.approx(body["score"], abs=1e-6)
    assert body["score"] == pytest.approx(1 / (1 + math.exp(-0.5)), abs=1e-6)
    assert (body["predicted_label"], body["risk"], body["model_version"]) == (1, "high", 1)
    assert contributions[0]["feature"] == "amount"
    assert contributions[0]["value"] == 500
    assert contributions[0]["reason"]
    assert made.journaled(service.journal) == []


@pytest.mark.parametrize(
    "base_value",
    [
        pytest.param(3.0, id="another score"),
        pytest.param(math.nan, id="no number"),
    ],
)
def test_an_explanation_that_does_not_add_up_is_not_sent(client, explain_as, caplog, base_value):
    explain_as(zeros(), base_value)
    answer = client.post(PATH, json=made.row())
    assert answer.status_code == 503
    message = "the explanation of version 1 does not add up to its score"
    assert answer.json()["detail"] == message
    assert message in caplog.text


def test_a_row_that_breaks_the_contract_is_refused_before_anything_is_explained(client):
    answer = client.post(PATH, json=made.row(amount=-1))
    assert answer.status_code == 422
    assert answer.json()["field"] == "amount"


def test_a_row_without_a_finite_score_is_refused(client, monkeypatch):
    monkeypatch.setattr(ServedModel, "score", lambda self, features: [math.nan])
    answer = client.post(PATH, json=made.row())
    assert answer.status_code == 422
    assert "the model has no score for these features" in answer.json()["detail"]


def test_an_explained_row_counts_against_the_limit(make_service):
    service = make_service(rate_limit="1/hour")
    made.put(service.settings.home, "fraud", 1, made.files() | made.explainer())
    client = made.Client(service)
    assert client.post(PATH, json=made.row()).status_code == 200
    assert client.post(PATH, json=made.row()).status_code == 429


def test_without_a_model_nothing_can_be_explained(bare):
    answer = made.Client(bare).post(PATH, json=made.row())
    assert answer.status_code == 503
    assert "fraud has no model to serve" in answer.json()["detail"]
