"""`/predictions/{prediction_id}/explanation`: pending, completed, failed or not requested."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from pipelines.settings import Settings
from serving.journal.prediction_ids import uuid7
from serving.model.served_model import load
from tests.unit.serving import made

REASON = "amount of the transaction, 12.5: divides the odds of is_fraud by 1.65"


@pytest.fixture
def settings(settings, tmp_path) -> Settings:
    """A policy that explains no sample of the predictions, only flagged and requested ones."""
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("explanation: {sample: 0.0}\n")
    return settings.model_copy(update={"policy_overlay": overlay})


@pytest.fixture
def prediction(client, ship):
    """The path of the explanation of a logged prediction that the policy does not select."""
    prediction_id = predicted(client, amount=12.5, predicted_label=0)
    ship()
    return path(prediction_id)


def path(prediction_id):
    return f"/v1/fraud/predictions/{prediction_id}/explanation"


def predicted(client, *, amount, predicted_label):
    """Score a row of a model whose threshold divides small amounts from large ones."""
    answer = client.predict(made.row(amount=amount)).json()
    assert answer["predicted_label"] == predicted_label
    return answer["prediction_id"]


@pytest.fixture
def service(service):
    """Its model flags amounts of more than 1,000 only."""
    files = made.files(bias=-1)
    (scorer,) = service.scorers
    scorer.model = load(files, made.served(files), made.FRAUD)
    return service


def store(database, prediction_id, **columns):
    """Change the explanation of a prediction, as the DAG does."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    database.execute(
        f"UPDATE explanations SET {assignments} WHERE prediction_id = %s",
        (*columns.values(), prediction_id),
    )


def id_of(path):
    return path.split("/")[-2]


def test_what_nobody_requested_is_not_requested_and_becomes_pending(client, prediction):
    answer = client.get(prediction)
    assert answer.status_code == 200
    assert answer.json() == {"prediction_id": id_of(prediction), "status": "NOT_REQUESTED"}
    for method in ("POST", "POST", "GET"):
        answer = client.request(method, prediction)
        assert answer.status_code == 202
        assert answer.json()["status"] == "PENDING"
        assert 0 < int(answer.headers["retry-after"]) <= 15 * 60 + 30


def test_a_completed_explanation_has_its_contributions_the_largest_first(
    client, database, prediction
):
    client.post(prediction)
    values = dict.fromkeys(made.FRAUD.columns, 0.0) | {"customer_rush": 0.2, "amount": -0.5}
    columns = {"status": "COMPLETED", "base_value": -1, "contributions": list(values.values())}
    store(database, id_of(prediction), **columns)
    for method in ("GET", "POST"):  # what is completed is not computed again
        answer = client.request(method, prediction)
        assert answer.status_code == 200
        assert "retry-after" not in answer.headers
        body = answer.json()
        assert (body["status"], body["base_value"], body["model_version"]) == ("COMPLETED", -1, 1)
        largest, second, *_ = body["contributions"]
        assert (largest["feature"], largest["value"]) == ("amount", 12.5)
        assert (largest["contribution"], largest["reason"]) == (-0.5, REASON)
        assert second["feature"] == "customer_rush"
        assert len(body["contributions"]) == len(made.FRAUD.columns)


def test_a_failed_explanation_says_why_and_is_computed_again_on_request(
    client, database, prediction
):
    client.post(prediction)
    store(database, id_of(prediction), status="FAILED", error="no model")
    failed = client.get(prediction)
    assert failed.status_code == 200
    assert (failed.json()["status"], failed.json()["error"]) == ("FAILED", "no model")
    assert client.post(prediction).json()["status"] == "PENDING"


def test_what_the_policy_selects_is_pending_until_a_plan_has_looked_at_it(client, database, ship):
    flagged = path(predicted(client, amount=5000, predicted_label=1))
    ship()
    assert client.get(flagged).json()["status"] == "PENDING"
    database.execute("INSERT INTO explanation_watermarks VALUES ('fraud', pg_current_xact_id())")
    try:
        assert client.get(flagged).json()["status"] == "NOT_REQUESTED"
    finally:
        database.execute("TRUNCATE explanation_watermarks")


def test_a_prediction_that_is_not_shipped_yet_is_pending_for_a_moment(client, ship):
    url = path(predicted(client, amount=1, predicted_label=0))
    answer = client.get(url)
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "2")
    assert client.post(url).status_code == 202  # what is in the journal can be requested
    ship()
    assert client.get(url).json()["status"] == "PENDING"


def test_a_recent_prediction_of_another_replica_is_pending_and_can_be_requested_later(client):
    recent = path(uuid7(int(time.time() * 1000))[0])
    assert client.get(recent).status_code == 202
    refused = client.post(recent)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "2"
    assert "may not be shipped yet: retry later" in refused.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "prediction_id",
    [
        pytest.param(UUID(int=7 << 76 | 0b10 << 62), id="of 1970"),
        pytest.param(UUID(int=1), id="that no replica can have issued"),
    ],
)
def test_an_old_or_invalid_id_is_not_found(client, method, prediction_id):
    assert client.request(method, path(prediction_id)).status_code == 404


def test_without_a_database_an_explanation_is_unavailable_for_now(service, client):
    prediction_id = predicted(client, amount=1, predicted_label=0)
    away = service.settings.model_copy(
        update={"database_url": "postgresql://nobody:x@127.0.0.1:1/nothing"}
    )
    service.settings = away
    answer = made.Client(service).get(path(prediction_id))
    assert answer.status_code == 503
    assert "the database is not reachable" in answer.json()["detail"]


def test_a_policy_that_can_not_be_read_selects_requested_predictions_only(
    service, client, ship, tmp_path, caplog
):
    flagged = path(predicted(client, amount=5000, predicted_label=1))
    ship()
    made.copy_fraud(tmp_path)
    (tmp_path / "reference/fraud/policy.yaml").write_text("a: [")
    lost = {"root": tmp_path, "home": tmp_path / "new home", "policy_overlay": None}
    service.settings = service.settings.model_copy(update=lost)
    client = made.Client(service)
    assert client.get(flagged).json()["status"] == "NOT_REQUESTED"
    assert "fraud: can't read which predictions are explained" in caplog.text
    answer = client.post(flagged)
    assert answer.status_code == 202
    assert answer.headers["retry-after"] == str(15 * 60)  # the schedule is not known
