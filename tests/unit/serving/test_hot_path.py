"""Request ids, access log, rate limits, CORS, and rows that are scored and journaled together."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from datetime import UTC, datetime

import pytest

from pipelines.errors import JournalFull, UseCaseError
from pipelines.settings import Settings
from serving.journal.journal import Journal, JournalLine
from serving.metrics.access_log import AccessLog, RequestMetrics
from serving.model.registry import FolderRegistry
from serving.model.served_model import ServedModel
from serving.service import Service
from serving.wire.json_logs import REQUEST_ID, JsonFormatter
from serving.wire.problems import Problem
from serving.wire.rate_limit import RateLimit
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT

SHOP = "https://shop.example"
DESK = "https://desk.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-api-key",
}


@pytest.fixture
def make_service(tmp_path):
    """Create a service with a model and some settings; its journal is closed after the test."""
    services = []

    def make(**options):
        settings = Settings(home=tmp_path, api_key="secret", **options)
        service = Service(settings, FolderRegistry(tmp_path))
        made.serve(service)
        services.append(service)
        return service

    yield make
    for service in services:
        service.journal.close()


def access_lines(requests: RequestMetrics) -> list[dict[str, object]]:
    """Write the access log to a pipe and read it back."""
    read, write = os.pipe()
    AccessLog(requests, write).write()
    os.close(write)
    with os.fdopen(read) as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PREDICT), ("GET", "/healthz"), ("GET", "/nowhere")]
)
def test_a_request_id_comes_back_and_one_is_generated_otherwise(client, method, path):
    row = made.row()
    headers = {"X-Request-ID": "shop-7/42"}
    answer = client.request(method, path, json=row, headers=headers)
    assert answer.headers["x-request-id"] == "shop-7/42"
    for _ in range(3):
        answer = client.request(method, path, json=row)
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize("invalid", ["x" * 129, "a b", "ä"])
@pytest.mark.parametrize(
    ("row", "status"),
    [pytest.param(made.row(), 200, id="accepted"), pytest.param({}, 422, id="refused")],
)
def test_an_id_that_could_corrupt_a_log_is_replaced(client, invalid, row, status):
    headers = {"X-Request-ID": invalid.encode()}
    answer = client.predict(row, headers=headers)
    assert answer.status_code == status
    assert answer.headers["x-request-id"] not in ("", invalid)


def test_the_access_log_has_a_line_of_json_for_each_request(service, client):
    client.predict(made.row(), headers={"X-Request-ID": "one"})
    client.predict({}, key="wrong")
    client.get("/healthz")
    first, second, third = access_lines(service.requests)
    assert first["request_id"] == "one"
    assert first["method"] == "POST"
    assert first["path"] == PREDICT
    assert first["status"] == 200
    assert first["caller"] == "admin"
    assert first["seconds"] > 0
    assert first["time"] > 1.7e9
    assert second["status"] == 403
    assert second["caller"] is None
    assert third["path"] == "/healthz"


def test_a_log_that_can_not_be_written_loses_lines_and_nothing_else(service, client):
    read, write = os.pipe()
    os.close(read)
    client.get("/healthz")
    AccessLog(service.requests, write).write()
    os.close(write)
    assert service.requests.dropped == 1
    assert service.requests.lines() == []


def test_a_log_that_blocks_loses_lines_and_neither_memory_nor_counts(monkeypatch):
    monkeypatch.setattr("serving.metrics.access_log.MAX_PENDING", 10)
    requests = RequestMetrics()
    for _ in range(35):
        requests.record(("/p", 200, 0.0, 0.001, b"id", "POST", "/p", None))
    assert len(requests._pending) < 10
    assert len(requests.lines()) == 10
    assert requests.dropped == 25
    families = {family.name: family for family in requests.collect()}
    (sample,) = families["sixgate_requests"].samples
    assert sample.value == 35


def test_rows_that_arrive_together_are_scored_and_journaled_together(service, client, monkeypatch):
    line_sizes = []
    append = Journal.append

    def counted(self, line):
        line_sizes.append(len(line.rows))
        append(self, line)

    monkeypatch.setattr(Journal, "append", counted)
    answers = client.predict_together(*made.rows(20))
    predictions = [answer.json() for answer in answers]
    transaction_ids = [prediction["transaction_id"] for prediction in predictions]
    assert transaction_ids == [str(number) for number in range(20)]
    scores = [prediction["score"] for prediction in predictions]
    assert scores == sorted(scores)
    assert sum(line_sizes) == 20
    assert len(line_sizes) < 5
    prediction_ids = {prediction["prediction_id"] for prediction in predictions}
    assert prediction_ids == set(made.journaled_ids(service.journal))


def test_one_bad_row_among_those_that_arrive_together_is_refused_alone(
    service, client, monkeypatch
):
    score = ServedModel.score

    def nan_for_seven(self, features):
        scores = score(self, features)
        amounts = features[:, 0]
        return [
            math.nan if amount == 7 else value
            for amount, value in zip(amounts, scores, strict=True)
        ]

    monkeypatch.setattr(ServedModel, "score", nan_for_seven)
    rows = [made.row(amount=amount) for amount in (1, 7, 2)]
    answers = client.predict_together(*rows)
    assert [answer.status_code for answer in answers] == [200, 422, 200]
    assert len(made.journaled(service.journal)) == 2


def test_with_always_an_answer_waits_for_the_disk(make_service, monkeypatch):
    client = made.Client(make_service(journal_sync="always"))
    synced = []
    fsync = os.fsync

    def counted(file):
        synced.append(file)
        fsync(file)

    monkeypatch.setattr(os, "fsync", counted)
    answers = client.predict_together(*made.rows(3))
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 200, 200]
    assert 1 <= len(synced) <= 4


def test_with_always_a_disk_that_fails_answers_503_until_a_sync_succeeds(make_service, monkeypatch):
    service = make_service(journal_sync="always")
    client = made.Client(service)
    row = made.row()
    client.predict(row)
    with monkeypatch.context() as broken_disk:
        broken_disk.setattr(os, "fsync", _broken)
        refused = client.predict(row)
        assert refused.status_code == 503
        assert "check its disk" in refused.json()["detail"]
        ready = client.get("/readyz")
        assert ready.status_code == 503
        with pytest.raises(JournalFull):
            service.journal.append(_empty_line())
    service.journal.sync()
    answer = client.predict(row)
    assert answer.status_code == 200


def _empty_line() -> JournalLine:
    return JournalLine(
        scored_at=datetime.now(UTC),
        use_case="fraud",
        model_version=1,
        contract_hash="hash",
        threshold=0.5,
        replica="replica",
        rows=[],
    )


def _broken(file: int) -> None:
    raise OSError(5, "Input/output error")


def test_a_key_that_exceeds_its_limit_is_told_when_to_retry(make_service):
    service = make_service(rate_limit="5/hour")
    client = made.Client(service)
    row = made.row()
    for _ in range(5):
        answer = client.predict(row)
        assert answer.status_code == 200
    refused = client.predict(row)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    batch = {"rows": [row, row]}
    refused_batch = client.post(f"{PREDICT}/batch", json=batch)
    assert refused_batch.status_code == 429
    model = client.get("/v1/fraud/model")
    assert model.status_code == 200


def test_a_lease_never_lets_more_through_than_the_limit():
    rate_limit = RateLimit("1000/hour")
    accepted = 0
    for _ in range(1500):
        try:
            rate_limit.take("shop")
        except Problem:
            continue
        accepted += 1
    assert accepted == 1000


def test_workers_share_a_limit():
    rate_limit = RateLimit("1000/second", workers=4)
    assert str(rate_limit._item) == "250 per 1 second"


def test_an_invalid_limit_is_refused():
    message = "SIXGATE_RATE_LIMIT: 'much' is not a valid limit"
    with pytest.raises(UseCaseError, match=message):
        RateLimit("much")


@pytest.mark.parametrize(
    ("origin", "status", "allowed"),
    [(SHOP, 200, SHOP), ("https://evil.example", 400, None)],
)
def test_a_browser_may_call_from_listed_origins_only(make_service, origin, status, allowed):
    service = make_service(cors_origins=f"{SHOP}, {DESK}")
    client = made.Client(service)
    headers = {"Origin": origin, **PREFLIGHT}
    answer = client.request("OPTIONS", PREDICT, key=None, headers=headers)
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") == allowed


def test_a_listed_origin_may_read_a_refusal(make_service):
    service = make_service(cors_origins=f"{SHOP}, {DESK}")
    client = made.Client(service)
    answer = client.predict({}, headers={"Origin": DESK})
    assert answer.headers["access-control-allow-origin"] == DESK


def test_without_a_list_no_origin_is_allowed(client):
    answer = client.predict(made.row(), headers={"Origin": SHOP})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_log_line_names_its_request_and_its_error():
    record = logging.LogRecord(
        name="serving.x",
        level=logging.WARNING,
        pathname="",
        lineno=1,
        msg="%s is down",
        args=("the database",),
        exc_info=None,
    )
    REQUEST_ID.set(b"shop-7")
    try:
        raise ValueError("so")
    except ValueError:
        record.exc_info = sys.exc_info()
    line = json.loads(JsonFormatter().format(record))
    assert line["level"] == "warning"
    assert line["logger"] == "serving.x"
    assert line["message"] == "the database is down"
    assert line["request_id"] == "shop-7"
    assert "ValueError: so" in line["error"]
