"""The live feed: samples, events, missed messages, and the WebSocket route."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from uvicorn.protocols.utils import ClientDisconnected
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from serving.app import build
from serving.live_feed import MAX_LISTENERS, MAX_PENDING, Listener, LiveFeed
from serving.wire import api_keys
from serving.wire.schemas import LiveReload, PredictionOut
from serving.wire.websocket import ListenOnlyWebSocket
from tests.unit.serving import made

LIVE = "/v1/fraud/live"
NOW = datetime(2026, 1, 5, tzinfo=UTC)
RELOAD = LiveReload(model_version=2, former_version=1, at=NOW)
RELOAD_MESSAGE = {
    "type": "reload",
    "model_version": 2,
    "former_version": 1,
    "at": "2026-01-05T00:00:00Z",
}


def predictions(count):
    return [
        PredictionOut(
            transaction_id=f"t-{number}",
            prediction_id=f"p-{number}",
            score=0.1,
            predicted_label=0,
            threshold=0.5,
            risk="low",
            model_version=1,
        )
        for number in range(count)
    ]


async def received(listener, count):
    """The next messages of a listener."""
    return [json.loads(await listener.next(1)) for _ in range(count)]


@pytest.fixture
def port(service):
    """The port of a real server in front of the service."""
    config = uvicorn.Config(
        build(service),
        port=0,
        log_level="critical",
        lifespan="off",
        ws=ListenOnlyWebSocket,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    (socket,) = server.servers[0].sockets
    yield socket.getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def live(service):
    """The live feed of the service's use case."""
    return service.scorers[0].live


def listening(port, query="", key="secret", **options):
    headers = {"X-API-Key": key} if key else {}
    url = f"ws://127.0.0.1:{port}{LIVE}{query}"
    return connect(url, additional_headers=headers, **options)


def next_message(socket):
    return json.loads(socket.recv(timeout=5))


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


def test_a_sample_is_evenly_spaced_and_has_the_requested_share():
    async def listen():
        feed = LiveFeed()
        listener = feed.join(0.25)
        feed.publish_predictions(NOW, predictions(20))
        return await received(listener, 5)

    messages = asyncio.run(listen())
    ids = [message["transaction_id"] for message in messages]
    assert ids == ["t-3", "t-7", "t-11", "t-15", "t-19"]


def test_a_slow_listener_misses_messages_and_is_told_how_many():
    async def listen():
        feed = LiveFeed()
        slow = feed.join(1.0)
        fast = feed.join(1.0)
        for prediction in predictions(MAX_PENDING + 5):
            feed.publish_predictions(NOW, [prediction])
            await fast.next(1)
        return await received(slow, MAX_PENDING + 1)

    messages = asyncio.run(listen())
    types = [message["type"] for message in messages[-2:]]
    assert types == ["prediction", "missed"]
    assert messages[-1]["count"] == 5


def test_the_number_of_missed_messages_is_sent_even_if_nothing_follows():
    async def listen():
        listener = Listener(1.0)
        for _ in range(MAX_PENDING + 1):
            listener.offer(b"{}")
        await received(listener, MAX_PENDING)
        return await received(listener, 1)

    messages = asyncio.run(listen())
    assert messages == [{"type": "missed", "count": 1}]


def test_events_from_another_thread_reach_a_listener_of_no_predictions():
    async def listen():
        feed = LiveFeed()
        listener = feed.join(0.0)
        await asyncio.to_thread(feed.publish, RELOAD)
        return await received(listener, 1)

    messages = asyncio.run(listen())
    assert messages == [RELOAD_MESSAGE]


def test_an_event_without_listeners_is_dropped():
    feed = LiveFeed()
    feed.publish(RELOAD)
    assert not feed.listeners


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
    (line,) = service.requests.lines()
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


def test_messages_of_a_client_are_discarded_even_if_they_are_not_text(live, port, caplog):
    with listening(port, "?sample=1") as socket:
        next_message(socket)
        socket.send(b"\xff\xfe", text=True)
        socket.send("x" * 4000)
        live.publish(RELOAD)
        assert next_message(socket) == RELOAD_MESSAGE
    assert "Traceback" not in caplog.text


def test_a_client_that_has_closed_is_sent_nothing(service):
    async def send_after_close() -> None:
        config = uvicorn.Config(build(service), log_level="critical")
        config.load()
        protocol = ListenOnlyWebSocket(
            config=config,
            server_state=uvicorn.server.ServerState(),
            app_state={},
            _loop=asyncio.get_running_loop(),
        )
        protocol.handshake_complete = True
        protocol.close_sent = True
        with pytest.raises(ClientDisconnected):
            await protocol.send({"type": "websocket.send", "text": "x"})

    asyncio.run(send_after_close())
