"""The scoring server as a process, on a real PostgreSQL: what is answered is logged, and promotions are followed."""

from __future__ import annotations

import json
import math
import signal
import time
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pipelines.rules.promotion.ledger import Served
from tests.integration.server import (
    Traffic,
    enter,
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


def test_a_model_that_is_not_what_the_ledger_names_does_not_serve(server, database):
    promote(server, database, 3, bias=3, digest="0" * 64)
    until(lambda: "digest" in (report(server, database, "error") or ""), "the refusal is reported")
    assert server.predict()["model_version"] == 1
    until(lambda: open_alerts(database, "model_refused") == 1, "an alert is open")
    promote(server, database, 4, bias=4)
    until(lambda: server.version == 4, "a whole version serves")
    until(lambda: report(server, database, "error") is None, "the refusal is forgotten")
    until(lambda: open_alerts(database, "model_refused") == 0, "the alert is resolved")


def test_a_promotion_taken_back_brings_the_old_model_back(server, database):
    first = Served(1, made.served(made.files(bias=-2)).digest)
    files = made.files(bias=5)
    second, promotion = made.served(files, 5), uuid4()
    made.put(server.models, "fraud", 5, files)
    enter(database, promotion, "INTENDED", second, first)
    made.point(server.models, "fraud", 5)
    until(lambda: server.version == 5, "version 5 serves")
    enter(database, promotion, "ROLLED_BACK", second, first)
    made.point(server.models, "fraud", 1)
    until(lambda: server.version == 1, "version 1 serves again")
    assert open_alerts(database) == 0


def test_a_graceful_stop_ships_all_and_is_not_waited_for(server, database):
    until(lambda: report(server, database, "version") == 1, "version 1 is acknowledged")
    ids = [server.predict()["prediction_id"] for _ in range(20)]
    server.end()
    assert logged(database, ids) == 20
    assert report(server, database, "version") is None
    assert not [path for path in (server.home / "journal").iterdir() if path.is_dir()]


def test_labels_are_accepted_once_and_corrections_are_kept(server, database):
    ids = [uuid4().hex for _ in range(3)]

    def post(*labels: tuple[str, int]) -> dict[str, int]:
        body = {"labels": [{"transaction_id": name, "label": label} for name, label in labels]}
        answer = server.client.post("/v1/fraud/labels", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    first = [(ids[0], 1), (ids[1], 0), (ids[2], 0)]
    assert post(*first) == {"accepted": 3, "corrected": 0, "duplicate": 0}
    assert post(*first) == {"accepted": 0, "corrected": 0, "duplicate": 3}
    assert post((ids[1], 1), (ids[2], 0)) == {"accepted": 0, "corrected": 1, "duplicate": 1}
    other = uuid4().hex
    assert post((other, 0), (other, 1), (other, 1), (other, 0)) == {
        "accepted": 1,
        "corrected": 2,
        "duplicate": 1,
    }
    assert one(database, "SELECT label FROM current_labels WHERE transaction_id = %s", other) == 0
    count = "SELECT count(*) FROM label_store WHERE transaction_id = ANY(%s)"
    assert one(database, count, ids) == 4
    assert one(database, "SELECT label FROM current_labels WHERE transaction_id = %s", ids[1]) == 1
    assert (
        one(database, "SELECT DISTINCT source FROM label_store WHERE transaction_id = ANY(%s)", ids)
        == "api:admin"
    )


def test_a_prediction_and_its_explanation_can_be_looked_up(server, database, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("explanation: {sample: 0.0}\n")
    server.end()
    server.start(SIXGATE_POLICY_OVERLAY=str(overlay))
    answer = server.predict(amount=12.5)
    path = f"/v1/fraud/predictions/{answer['prediction_id']}"
    at_once = server.client.get(path)
    assert at_once.status_code == 200 and at_once.json()["features"]["amount"] == 12.5
    until(lambda: server.client.get(path).json()["logged"], "it is logged")
    assert server.client.get(path).json()["features"] == at_once.json()["features"]
    assert server.client.get(f"{path}/explanation").json()["status"] == "NOT_REQUESTED"

    asked = server.client.post(f"{path}/explanation")
    assert (asked.status_code, asked.json()["status"]) == (202, "PENDING")
    pending = server.client.get(f"{path}/explanation")
    assert pending.status_code == 202 and int(pending.headers["retry-after"]) > 0

    values = dict.fromkeys(made.FRAUD.columns, 0.0) | {
        "during_night": 0.1,
        "amount": -0.5,
        "customer_rush": 0.2,
    }
    database.execute(
        "UPDATE explanations SET status = 'COMPLETED', base_value = -1, contributions = %s WHERE prediction_id = %s",
        (list(values.values()), answer["prediction_id"]),
    )
    known = server.client.get(f"{path}/explanation")
    assert known.status_code == 200 and known.json()["base_value"] == -1
    contributions = known.json()["contributions"]
    assert [one["feature"] for one in contributions][:3] == [
        "amount",
        "customer_rush",
        "during_night",
    ]
    assert (contributions[0]["value"], contributions[0]["contribution"]) == (12.5, -0.5)
    assert (
        contributions[0]["reason"]
        == "amount of the transaction, 12.5: divides the odds of is_fraud by 1.65"
    )
    assert all(one["description"] for one in contributions)

    database.execute(
        "UPDATE explanations SET status = 'FAILED', error = 'no model' WHERE prediction_id = %s",
        (answer["prediction_id"],),
    )
    failed = server.client.get(f"{path}/explanation")
    assert failed.status_code == 200 and failed.json()["error"] == "no model"


def test_what_the_policy_will_pick_is_pending_until_a_plan_has_looked_at_it(server, database):
    flagged = server.predict(amount=100_000)
    path = f"/v1/fraud/predictions/{flagged['prediction_id']}"
    assert flagged["predicted_label"] == 1
    until(lambda: server.client.get(path).json()["logged"], "it is logged")
    assert server.client.get(f"{path}/explanation").json()["status"] == "PENDING"
    database.execute("INSERT INTO explanation_watermarks VALUES ('fraud', pg_current_xact_id())")
    try:
        assert server.client.get(f"{path}/explanation").json()["status"] == "NOT_REQUESTED"
    finally:
        database.execute("TRUNCATE explanation_watermarks")


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


def test_the_newest_drift_figures_are_shown(server, database):
    database.execute(
        "INSERT INTO monitoring_metrics (use_case, check_id, window_start, window_end, model_version, feature, metric, value,"
        " expected, n) VALUES ('fraud', 'c', now() - interval '1 day', now(), 0, 'amount', 'psi', 0.25, 0.03, 500),"
        " ('fraud', 'c', now() - interval '1 day', now(), 0, '', 'drift_share', 0.1, NULL, 500)"
    )
    database.execute(
        "INSERT INTO monitoring_alerts (use_case, cause, severity, message) VALUES ('fraud', 'feature_drift', 'ALERT', 'x')"
    )
    server.end()
    server.start()
    alert = (
        'sixgate_alert{cause="feature_drift",severity="ALERT",state="OPEN",use_case="fraud"} 1.0'
    )
    until(lambda: alert in server.client.get("/metrics").text, "the alert is shown")
    line = 'sixgate_drift{feature="amount",metric="psi",model_version="0",use_case="fraud"} 0.25'
    until(lambda: line in server.client.get("/metrics").text, "the figure is shown")


def test_an_unknown_prediction_is_not_found_and_a_fresh_one_is_pending(server):
    old = f"/v1/fraud/predictions/{UUID(int=7 << 76 | 0b10 << 62)}"
    assert (
        server.client.get(old).status_code
        == server.client.get(f"{old}/explanation").status_code
        == 404
    )
    fresh = UUID(int=int(time.time() * 1000) << 80 | 7 << 76 | 0b10 << 62)
    assert (
        "not be shipped yet" in server.client.get(f"/v1/fraud/predictions/{fresh}").json()["detail"]
    )
    answer = server.client.get(f"/v1/fraud/predictions/{fresh}/explanation")
    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
