"""The scoring server as a process, on a real PostgreSQL: what is answered is logged, and promotions are followed."""

from __future__ import annotations

import json
import math
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.integration.server import (
    Traffic,
    logged,
    one,
    open_alerts,
    promote,
    report,
    until,
)
from tests.unit.serving import made


def test_a_logged_prediction_is_what_was_answered(server, database):
    answer = server.predict(
        transaction_id="whole", customer_id="c-1", amount=70, event_time="2026-01-05T08:00:00+00:00"
    )
    until(lambda: logged(database, [answer["prediction_id"]]), "it is logged")
    row = database.execute(
        "SELECT p.score, p.predicted_label, p.threshold, p.model_version, p.contract_hash, v.amount, v.customer_rush,"
        " v.event_time, v.entity_key, p.scored_at FROM prediction_logs AS p JOIN fraud_predictions AS v"
        " USING (prediction_id) WHERE prediction_id = %s",
        (answer["prediction_id"],),
    ).fetchone()
    assert row
    assert row[:4] == (
        answer["score"],
        answer["predicted_label"],
        answer["threshold"],
        answer["model_version"],
    )
    assert row[4:7] == (made.FRAUD.hash, 70.0, 0.0)
    assert row[7].isoformat() == "2026-01-05T08:00:00+00:00" and row[8] == "c-1"
    assert row[9].timestamp() * 1000 == pytest.approx(UUID(answer["prediction_id"]).int >> 80)


def test_equal_idempotency_keys_at_the_same_time_make_one_prediction(server, database):
    row = made.row(transaction_id="retried")

    def send(_: int) -> httpx.Response:
        headers = {"X-API-Key": "k", "Idempotency-Key": "order-7"}
        with httpx.Client(base_url=str(server.client.base_url), headers=headers) as client:
            return client.post(made.PREDICT, json=row)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))
    assert {answer.status_code for answer in answers} == {200}
    ids = {answer.json()["prediction_id"] for answer in answers}
    assert len(ids) == 1
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert replayed.count("true") == 15
    until(lambda: logged(database, list(ids)), "it is logged")
    count = "SELECT count(*) FROM prediction_logs WHERE transaction_id = 'retried'"
    assert one(database, count) == 1


def test_refused_values_are_counted_by_field_in_the_database(server, database):
    database.execute("TRUNCATE quality_counts")
    for _ in range(3):
        assert server.client.post(made.PREDICT, json=made.row(amount="a lot")).status_code == 422
    labels = {"labels": [{"transaction_id": "t", "label": 1, "labelled_at": "2099-01-01"}]}
    assert server.client.post("/v1/fraud/labels", json=labels).status_code == 422
    count = "SELECT sum(n) FROM quality_counts WHERE field = %s AND treatment = 'refused'"
    until(lambda: one(database, count, "amount") == 3, "three refused values are counted")
    until(lambda: one(database, count, "labels.labelled_at") == 1, "a refused label is counted")
    server.predict(event_time="2026-01-05T08:00:00")
    row = made.row(event_time="2099-01-01T00:00:00+00:00")
    assert server.client.post(made.PREDICT, json=row).status_code == 422
    until(lambda: one(database, count, "event_time") == 1, "a future time is counted")


def test_a_promotion_is_followed_under_traffic_without_a_failed_request(server, database):
    with Traffic(server) as traffic:
        until(lambda: len(traffic.answered) > 50, "version 1 answers")
        served = promote(server, database, 2, bias=2)
        until(lambda: traffic.answered[-1]["model_version"] == 2, "version 2 answers")
        so_far = len(traffic.answered)
        until(lambda: len(traffic.answered) > so_far + 50, "and goes on answering")
    assert traffic.refused == []
    assert {answer["model_version"] for answer in traffic.answered} == {1, 2}
    until(lambda: report(server, database, "digest") == served.digest, "it is acknowledged")
    assert report(server, database, "error") is None


def test_an_alias_moved_by_hand_leaves_the_old_model_and_opens_one_alert(server, database):
    until(lambda: report(server, database, "version") == 1, "version 1 is acknowledged")
    made.put(server.models, "fraud", 9, made.files(bias=9))
    made.point(server.models, "fraud", 9)
    until(lambda: open_alerts(database) == 1, "an alert is open", seconds=30)
    until(lambda: "version 9" in (report(server, database, "error") or ""), "the replica says why")
    assert server.version == 1 and server.predict()["model_version"] == 1
    made.point(server.models, "fraud", 1)
    until(lambda: open_alerts(database) == 0, "the alert is resolved")
    until(lambda: report(server, database, "error") is None, "the replica is content")


def test_who_listens_hears_of_predictions_reloads_and_alerts(server, database):
    address = f"ws://127.0.0.1:{server.port}/v1/fraud/live?sample=1"
    with connect(address, additional_headers={"X-API-Key": "k"}) as socket:

        def heard(kind):
            while (event := json.loads(socket.recv(timeout=20)))["type"] != kind:
                pass
            return event

        assert heard("hello")["model_version"] == server.version
        prediction = server.predict()
        assert heard("prediction")["prediction_id"] == prediction["prediction_id"]
        before = server.version
        promote(server, database, 20, bias=0.2)
        reload = heard("reload")
        assert (reload["model_version"], reload["former_version"]) == (20, before)
        alert = one(
            database,
            "INSERT INTO monitoring_alerts (use_case, cause, severity, message) VALUES ('fraud', 'drift', 'WARNING', 'amount')"
            " RETURNING id",
        )
        opened = heard("alert")
        assert (opened["id"], opened["state"], opened["message"]) == (alert, "OPEN", "amount")
        database.execute(
            "UPDATE monitoring_alerts SET message = 'amount still' WHERE id = %s", (alert,)
        )
        database.execute("UPDATE monitoring_alerts SET state = 'RESOLVED' WHERE id = %s", (alert,))
        assert heard("alert")["state"] == "RESOLVED"
        server.end()
        with pytest.raises(ConnectionClosed) as ended:
            heard("never")
    assert ended.value.rcvd.code == 1012  # the service restarts: come again


def test_a_graceful_stop_ships_all_and_is_not_waited_for(server, database):
    until(lambda: report(server, database, "version") == 1, "version 1 is acknowledged")
    ids = [server.predict()["prediction_id"] for _ in range(20)]
    server.end()
    assert logged(database, ids) == 20
    assert report(server, database, "version") is None
    assert not [path for path in (server.home / "journal").iterdir() if path.is_dir()]


def test_one_row_is_explained_at_once_by_a_process_that_scoring_does_without(server, database):
    before = one(database, "SELECT count(*) FROM prediction_logs")
    answer = server.client.post("/v1/fraud/explain", json=made.row(amount=500), timeout=40)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    total = found["base_value"] + sum(part["contribution"] for part in found["contributions"])
    assert 1 / (1 + math.exp(-total)) == pytest.approx(found["score"], abs=1e-6)
    assert found["score"] == pytest.approx(server.predict(amount=500)["score"])
    assert (found["contributions"][0]["feature"], found["contributions"][0]["value"]) == (
        "amount",
        500,
    )
    assert server.client.post("/v1/fraud/explain", json=made.row(amount=-1)).status_code == 422
    assert (
        server.client.post("/v1/fraud/explain", json={}, headers={"X-API-Key": "other"}).status_code
        == 403
    )

    (helper,) = psutil.Process(server.pid).children(recursive=True)
    assert "pipelines.explainer" in helper.cmdline()
    libraries = [Path(item.path).name for item in psutil.Process(server.pid).memory_maps()]
    assert not [name for name in libraries if "xgboost" in name]
    assert not [name for name in helper.environ() if name.startswith("SIXGATE_")], (
        "it is told no secret"
    )
    helper.suspend()
    hung = server.client.post("/v1/fraud/explain", json=made.row(), timeout=40)
    assert (hung.status_code, "started again" in hung.json()["detail"]) == (503, True)
    assert server.client.post("/v1/fraud/explain", json=made.row(), timeout=40).status_code == 200
    (helper,) = psutil.Process(server.pid).children(recursive=True)
    helper.kill()
    statuses = [
        server.client.post("/v1/fraud/explain", json=made.row(), timeout=40).status_code
        for _ in range(2)
    ]
    assert statuses[-1] == 200 and set(statuses) <= {200, 503}

    promote(server, database, 2, bias=-1)
    until(lambda: server.version == 2, "version 2 serves")
    second = server.client.post("/v1/fraud/explain", json=made.row(amount=500), timeout=40).json()
    assert (second["model_version"], second["base_value"]) == (2, pytest.approx(-1))
    assert one(database, "SELECT count(*) FROM prediction_logs") <= before + 1

    (helper,) = psutil.Process(server.pid).children(recursive=True)
    server.end(signal.SIGKILL)
    helper.wait(10)
