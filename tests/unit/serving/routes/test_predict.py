"""`/predict` and `/predict/batch`: what is answered is in the journal."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.rules.use_case.derived_features import Deriver
from serving.wire.api_keys import ApiKey, ApiKeys, hashed, write
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT

BATCH = "/v1/fraud/predict/batch"


def as_numbers(row):
    """The raw features of a row."""
    features = made.FRAUD.features
    return [feature.as_number(row[feature.name]) for feature in features]


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


def test_a_batch_that_is_too_long_is_refused_with_its_length_and_not_its_rows(client):
    rows = [made.row()] * 1001
    answer = client.post(BATCH, json={"rows": rows})
    assert answer.status_code == 422
    assert answer.json()["value"] == "1,001 rows"


def test_a_batch_counts_its_rows_against_the_limit(make_service):
    client = made.Client(make_service(rate_limit="3/hour"))
    assert client.post(BATCH, json={"rows": made.rows(2)}).status_code == 200
    assert client.post(BATCH, json={"rows": made.rows(2)}).status_code == 429
    assert client.predict(made.row()).status_code == 200
    assert client.predict(made.row()).status_code == 429


def test_a_batch_that_is_refused_for_a_bad_row_costs_nothing_of_the_limit(make_service):
    client = made.Client(make_service(rate_limit="2/hour"))
    bad = {"rows": [made.row(), made.row(amount="x")]}
    assert client.post(BATCH, json=bad).status_code == 422
    assert client.post(BATCH, json={"rows": made.rows(2)}).status_code == 200


@pytest.mark.parametrize("scope", ["predict", "admin"])
def test_scoring_needs_the_scope_predict(service, client, scope):
    file = service.settings.home / "api_keys.json"
    shop = ApiKey("shop", hashed("shop"), frozenset({scope}))
    desk = ApiKey("desk", hashed("desk"), frozenset({"label", "read"}))
    write(file, [shop, desk])
    service.keys = ApiKeys(file)
    for path, body in ((PREDICT, made.row()), (BATCH, {"rows": [made.row()]})):
        assert client.post(path, json=body, key="shop").status_code == 200
        refused = client.post(path, json=body, key="desk")
        assert refused.status_code == 403
        assert "the key 'desk' lacks the scope 'predict'" in refused.json()["detail"]
