"""`/live`: hello, a sample of the predictions, and events, over a real WebSocket."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from serving.live_feed import MAX_LISTENERS, MAX_PENDING, Listener
from serving.wire import api_keys
from tests.unit.serving import made
from tests.unit.serving.listening import LIVE, RELOAD, listening, next_message


def until_closed(socket):
    """Read messages until the connection is closed, which raises ConnectionClosed."""
    while True:
        next_message(socket)


def refused(port, query="", key="secret"):
    """The HTTP response that refuses a connection."""
    with pytest.raises(InvalidStatus) as refusal, listening(port, query, key):
        pass
    return refusal.value.response


def detail(response):
    return json.loads(response.body)["detail"]


def test_a_connection_starts_with_hello_and_then_sends_predictions(service, live, port):
    with listening(port, "?sample=1") as socket:
        assert next_message(socket) == {
            "type": "hello",
            "use_case": "fraud",
            "replica": service.replica,
            "model_version": 1,
            "sample": 1.0,
        }
        response = httpx.post(
            f"http://127.0.0.1:{port}/v1/fraud/predict",
            json=made.row(),
            headers={"X-API-Key": "secret"},
        )
        message = next_message(socket)
        assert message.pop("type") == "prediction"
        assert message.pop("scored_at")
        assert message == response.json()
        metrics = service.metrics.text().decode()
        assert 'sixgate_live_listeners{use_case="fraud"} 1.0' in metrics
    deadline = time.monotonic() + 5
    while live.listeners and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not live.listeners


def test_a_browser_offers_its_key_as_a_subprotocol(port):
    with listening(port, key="", subprotocols=["sixgate", "secret"]) as socket:
        assert socket.subprotocol == "sixgate"
        hello = next_message(socket)
        assert hello["sample"] == 0.1


@pytest.mark.parametrize(
    ("key", "query", "status", "message"),
    [
        ("", "", 401, "send your key"),
        ("wrong", "", 403, "not known"),
        ("secret", "?sample=2", 422, "from 0 to 1"),
        ("secret", "?sample=nan", 422, "from 0 to 1"),
        ("secret", "?sample=much", 422, "from 0 to 1"),
        ("secret", "?smaple=1", 422, "known is sample"),
    ],
)
def test_an_invalid_request_is_refused_before_the_connection(
    service, port, key, query, status, message
):
    response = refused(port, query, key)
    assert response.status_code == status
    assert message in detail(response)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"]
    lines = service.requests.lines()
    while not lines:  # a request is recorded after its answer was sent
        time.sleep(0.01)
        lines = service.requests.lines()
    (line,) = lines
    assert line.status == status
    assert line.path == LIVE


@pytest.mark.parametrize("path", ["/v1/nope/live", "/v1/fraud/livex", "/v1/fraud/predict"])
def test_a_path_without_a_live_feed_is_not_found(port, path):
    with pytest.raises(InvalidStatus) as refusal, connect(f"ws://127.0.0.1:{port}{path}"):
        pass
    response = refusal.value.response
    assert response.status_code == 404
    assert f"there is no WebSocket route {path}" in detail(response)


def test_a_listener_too_many_is_told_to_retry(live, port):
    live.listeners.update(Listener(0.0) for _ in range(MAX_LISTENERS))
    response = refused(port)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"


def test_a_key_that_is_withdrawn_ends_the_connection(service, port):
    with listening(port, "?sample=1") as socket:
        next_message(socket)
        api_keys.write(service.settings.home / "api_keys.json", [])
        with pytest.raises(ConnectionClosed) as ended:
            next_message(socket)
    close = ended.value.rcvd
    assert close.code == 1008
    assert "not known" in close.reason


def test_an_internal_error_ends_the_connection_and_is_logged(live, port, monkeypatch, caplog):
    def broken(self, seconds):
        raise RuntimeError("so")

    with listening(port) as socket:
        next_message(socket)
        monkeypatch.setattr(Listener, "next", broken)
        live.publish(RELOAD)
        with pytest.raises(ConnectionClosed) as ended:
            until_closed(socket)  # a task that waited already still sends the first message
    assert ended.value.rcvd.code == 1011
    assert f"can't send to the live connection {LIVE}" in caplog.text


def test_a_listener_that_reads_nothing_delays_no_prediction(live, port):
    url = f"http://127.0.0.1:{port}/v1/fraud/predict/batch"
    batch = {"rows": [made.row()] * 1000}
    with (
        listening(port, "?sample=1", max_queue=1, close_timeout=0.2),
        httpx.Client(headers={"X-API-Key": "secret"}) as client,
    ):
        for _ in range(20):
            response = client.post(url, json=batch)
            assert response.status_code == 200
        (listener,) = live.listeners
        assert len(listener._pending) <= MAX_PENDING
