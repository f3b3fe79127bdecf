"""Every request has an id, a line in the access log and a limit; rows that arrive together are written together."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import sys
from datetime import UTC, datetime

import httpx
import pytest

from pipelines.errors import JournalFull, UseCaseError
from pipelines.settings import Settings
from serving.app import build
from serving.journal.journal import Journal, JournalLine
from serving.metrics.access_log import AccessLog, RequestMetrics
from serving.model.registry import FolderRegistry
from serving.model.served_model import ServedModel, load
from serving.service import Service
from serving.wire.json_logs import REQUEST_ID, JsonFormatter
from serving.wire.rate_limit import RateLimit
from tests.unit.serving import made
from tests.unit.serving.test_app import PREDICT


def together(service: Service, *rows: dict[str, object]) -> list[httpx.Response]:
    """Ask for all rows at once."""

    async def story() -> list[httpx.Response]:
        transport = httpx.ASGITransport(build(service))
        headers = {"X-API-Key": "secret"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://server", headers=headers
        ) as client:
            return list(await asyncio.gather(*(client.post(PREDICT, json=row) for row in rows)))

    return asyncio.run(story())


@pytest.mark.parametrize("path", [PREDICT, "/healthz", "/nowhere"])
def test_an_id_that_is_given_comes_back_and_one_is_made_otherwise(service, ask, path):
    method = "POST" if path == PREDICT else "GET"
    given = ask(service, method, path, json=made.row(), headers={"X-Request-ID": "shop-7/42"})
    assert given.headers["x-request-id"] == "shop-7/42"
    ids = {ask(service, method, path, json=made.row()).headers["x-request-id"] for _ in range(3)}
    assert len(ids) >= 1 and "" not in ids


@pytest.mark.parametrize("unsound", ["x" * 129, "a b", "ä"])
def test_an_id_that_could_spoil_a_log_is_replaced(service, ask, unsound):
    answer = ask(
        service, "POST", PREDICT, json=made.row(), headers={"X-Request-ID": unsound.encode()}
    )
    assert answer.headers["x-request-id"] not in ("", unsound)
    refused = ask(service, "POST", PREDICT, json={}, headers={"X-Request-ID": unsound.encode()})
    assert refused.status_code == 422 and refused.headers["x-request-id"]


def test_the_access_log_has_a_line_of_json_for_each_request(service, ask):
    ask(service, "POST", PREDICT, json=made.row(), headers={"X-Request-ID": "one"})
    ask(service, "POST", PREDICT, json={}, key="wrong")
    ask(service, "GET", "/healthz")
    read, write = os.pipe()
    AccessLog(service.requests, write).write()
    os.close(write)
    with os.fdopen(read) as lines:
        first, second, third = map(json.loads, lines)
    assert (first["request_id"], first["method"], first["path"], first["status"]) == (
        "one",
        "POST",
        PREDICT,
        200,
    )
    assert (first["caller"], first["seconds"] > 0, first["time"] > 1.7e9) == ("admin", True, True)
    assert (second["status"], second["caller"]) == (403, None)
    assert third["path"] == "/healthz"


def test_a_log_that_can_not_be_written_costs_lines_and_nothing_else(service, ask):
    read, write = os.pipe()
    os.close(read)
    ask(service, "GET", "/healthz")
    AccessLog(service.requests, write).write()
    assert (service.requests.dropped, service.requests.lines()) == (1, [])
    os.close(write)


def test_a_log_that_is_stuck_costs_lines_and_neither_memory_nor_figures(monkeypatch):
    monkeypatch.setattr("serving.metrics.access_log.MAX_PENDING", 10)
    requests = RequestMetrics()
    for _ in range(35):
        requests.record(("/p", 200, 0.0, 0.001, b"id", "POST", "/p", None))
    assert len(requests._pending) < 10
    assert (len(requests.lines()), requests.dropped) == (10, 25)
    (counted,) = [metric for metric in requests.collect() if metric.name == "sixgate_requests"]
    assert counted.samples[0].value == 35


def test_rows_that_arrive_together_are_scored_and_written_together(service, monkeypatch):
    written = []
    append = Journal.append
    monkeypatch.setattr(
        Journal,
        "append",
        lambda self, line: (written.append(len(line.rows)), append(self, line))[1],
    )
    answers = together(
        service, *(made.row(amount=number, transaction_id=f"t-{number}") for number in range(20))
    )
    assert [answer.json()["transaction_id"] for answer in answers] == [
        f"t-{number}" for number in range(20)
    ]
    scores = [answer.json()["score"] for answer in answers]
    assert scores == sorted(scores)
    assert sum(written) == 20 and len(written) < 5
    assert {str(kept.prediction_id) for kept in made.journaled(service.journal)} == {
        answer.json()["prediction_id"] for answer in answers
    }


def test_one_bad_row_among_those_that_arrive_together_is_refused_alone(service, monkeypatch):
    score = ServedModel.score

    def without_sevens(self, features):
        return [
            math.nan if row[0] == 7 else found
            for row, found in zip(features, score(self, features), strict=True)
        ]

    monkeypatch.setattr(ServedModel, "score", without_sevens)
    answers = together(service, made.row(amount=1), made.row(amount=7), made.row(amount=2))
    assert [answer.status_code for answer in answers] == [200, 422, 200]
    assert len(made.journaled(service.journal)) == 2


def test_with_always_an_answer_waits_for_the_disk_and_a_disk_that_fails_answers_503(
    tmp_path, monkeypatch, ask
):
    service = Service(
        Settings(home=tmp_path, api_key="secret", journal_sync="always"), FolderRegistry(tmp_path)
    )
    files = made.files()
    service.scorers[0].model = load(files, made.served(files), service.scorers[0].contract)
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), fsync(file))[1])
    assert {
        answer.status_code for answer in together(service, made.row(), made.row(), made.row())
    } == {200}
    assert 1 <= len(synced) <= 4
    monkeypatch.setattr(os, "fsync", _broken)
    refused = together(service, made.row())[0]
    assert (refused.status_code, "check its disk" in refused.json()["detail"]) == (503, True)
    assert ask(service, "GET", "/readyz").status_code == 503
    with pytest.raises(JournalFull):
        service.journal.append(
            JournalLine(datetime.now(UTC), "fraud", 1, "hash", 0.5, "replica", [])
        )
    monkeypatch.setattr(os, "fsync", fsync)
    service.journal.sync()
    assert together(service, made.row())[0].status_code == 200
    service.journal.close()


def _broken(file: int) -> None:
    raise OSError(5, "Input/output error")


def test_a_key_that_asks_for_too_much_is_told_when_to_come_back(tmp_path, ask):
    service = Service(
        Settings(home=tmp_path, api_key="secret", rate_limit="5/hour"), FolderRegistry(tmp_path)
    )
    files = made.files()
    service.scorers[0].model = load(files, made.served(files), service.scorers[0].contract)
    assert [ask(service, "POST", PREDICT, json=made.row()).status_code for _ in range(5)] == [
        200
    ] * 5
    refused = ask(service, "POST", PREDICT, json=made.row())
    assert (
        refused.status_code == 429 and refused.headers["content-type"] == "application/problem+json"
    )
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    batch = ask(service, "POST", f"{PREDICT}/batch", json={"rows": [made.row()] * 2})
    assert batch.status_code == 429
    assert ask(service, "GET", "/v1/fraud/model").status_code == 200
    service.journal.close()


def test_a_lease_never_lets_more_through_than_the_limit():
    rate, let = RateLimit("1000/hour"), 0
    for _ in range(1500):
        try:
            rate.take("shop")
        except Exception:
            continue
        let += 1
    assert let == 1000


def test_workers_share_a_limit():
    assert str(RateLimit("1000/second", workers=4)._item) == "250 per 1 second"


def test_a_limit_that_is_none_is_refused():
    with pytest.raises(UseCaseError, match="SIXGATE_RATE_LIMIT: 'much' is not a valid limit"):
        RateLimit("much")


def test_only_origins_on_the_list_may_ask_from_a_browser(tmp_path, ask):
    settings = Settings(
        home=tmp_path, api_key="secret", cors_origins="https://shop.example, https://desk.example"
    )
    service = Service(settings, FolderRegistry(tmp_path))
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    for origin, status in (("https://shop.example", 200), ("https://evil.example", 400)):
        answer = ask(service, "OPTIONS", PREDICT, key=None, headers={"Origin": origin, **asked})
        assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (
            status, origin if status == 200 else None,
        )  # fmt: skip
    answer = ask(service, "POST", PREDICT, json={}, headers={"Origin": "https://desk.example"})
    assert answer.headers["access-control-allow-origin"] == "https://desk.example"
    service.journal.close()


def test_without_a_list_no_origin_may(service, ask):
    answer = ask(
        service, "POST", PREDICT, json=made.row(), headers={"Origin": "https://shop.example"}
    )
    assert answer.status_code == 200 and "access-control-allow-origin" not in answer.headers


def test_a_log_line_names_its_request_and_its_error():
    logger = logging.LogRecord(
        "serving.x", logging.WARNING, "", 1, "%s is away", ("the database",), None
    )
    REQUEST_ID.set(b"shop-7")
    try:
        raise ValueError("so")
    except ValueError:
        logger.exc_info = sys.exc_info()
    line = json.loads(JsonFormatter().format(logger))
    assert (line["level"], line["logger"], line["message"]) == (
        "warning",
        "serving.x",
        "the database is away",
    )
    assert line["request_id"] == "shop-7" and "ValueError: so" in line["error"]
