"""The access log: one line of JSON per request, and counts that no lost line changes."""

from __future__ import annotations

import json
import os
import threading

import pytest

from serving.metrics.access_log import BUCKETS, AccessLog, RequestMetrics, RequestRecord
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT


def access_lines(requests: RequestMetrics) -> list[dict[str, object]]:
    """Write the access log to a pipe and read it back."""
    read, write = os.pipe()
    AccessLog(requests, write).write()
    os.close(write)
    with os.fdopen(read) as lines:
        return [json.loads(line) for line in lines]


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


def request(status: int = 200, seconds: float = 0.001, route: str = "/p") -> RequestRecord:
    return (route, status, 0.0, seconds, b"id", "GET", "/p", None)


def metric_values(requests: RequestMetrics) -> dict[tuple[str, ...], float]:
    """The value of each series, by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in requests.collect()
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_status_and_their_durations_by_route():
    requests = RequestMetrics()
    for status, seconds in ((200, 0.0004), (200, 0.0005), (422, 0.3), (500, 9.0)):
        requests.record(request(status, seconds))
    requests.record(request(route="/q"))
    values = metric_values(requests)
    assert values["sixgate_requests_total", "/p", "200"] == 2
    assert values["sixgate_requests_total", "/p", "422"] == 1
    assert values["sixgate_requests_total", "/q", "200"] == 1
    buckets = [
        values["sixgate_request_seconds_bucket", "/p", str(bound)] for bound in (*BUCKETS, "+Inf")
    ]
    assert buckets[0] == 2  # a duration on a bound is within it
    assert buckets[BUCKETS.index(0.25)] == 2
    assert buckets[BUCKETS.index(0.5)] == 3
    assert buckets[-2:] == [3, 4]
    assert values["sixgate_request_seconds_sum", "/p"] == pytest.approx(9.3009)


def test_lines_are_taken_once_and_counting_does_not_take_them():
    requests = RequestMetrics()
    requests.record(request())
    list(requests.collect())
    (line,) = requests.lines()
    assert (line.method, line.path, line.status, line.caller) == ("GET", "/p", 200, None)
    assert requests.lines() == []
    assert metric_values(requests)["sixgate_requests_total", "/p", "200"] == 1


def test_the_thread_writes_while_it_runs_and_the_rest_at_its_end():
    requests = RequestMetrics()
    read, write = os.pipe()
    log = AccessLog(requests, write)
    log.start()
    requests.record(request(200))
    with os.fdopen(read) as lines:
        assert json.loads(lines.readline())["status"] == 200
        requests.record(request(503))
        log.stop()
        os.close(write)
        assert json.loads(lines.readline())["status"] == 503
        assert lines.read() == ""
    assert not log.is_alive()


def test_a_pipe_that_takes_a_part_of_a_line_gets_the_rest_too():
    requests = RequestMetrics()
    for _ in range(3000):
        requests.record(request())
    read, write = os.pipe()  # holds less than the lines need, so a write is cut short
    received: list[str] = []
    with os.fdopen(read) as lines:
        reader = threading.Thread(target=lambda: received.extend(lines))
        reader.start()
        AccessLog(requests, write).write()
        os.close(write)
        reader.join()
    assert len(received) == 3000
    assert {json.loads(line)["status"] for line in received} == {200}
    assert requests.dropped == 0
