"""Whoever listens hears what happens, in time; whoever does not keep up is told what was missed, and delays nobody."""

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

NOW = datetime(2026, 1, 5, tzinfo=UTC)
LIVE = "/v1/fraud/live"


def answers(count):
    return [
        PredictionOut(f"t-{number}", f"p-{number}", 0.1, 0, 0.5, "low", 1)
        for number in range(count)
    ]


async def all_of(listener, count):
    return [json.loads(await listener.next(1)) for _ in range(count)]


@pytest.fixture
def port(service):
    """The service behind a real server, on a port of its own."""
    server = uvicorn.Server(
        uvicorn.Config(
            build(service), port=0, log_level="critical", lifespan="off", ws=ListenOnlyWebSocket
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def listening(port, query="", key="secret", **options):
    headers = {"X-API-Key": key} if key else {}
    return connect(f"ws://127.0.0.1:{port}{LIVE}{query}", additional_headers=headers, **options)


def heard(socket):
    return json.loads(socket.recv(timeout=5))


def test_a_sample_is_evenly_spaced_and_of_the_share_that_was_asked_for():
    async def listen():
        live = LiveFeed()
        listener = live.join(0.25)
        live.publish_predictions(NOW, answers(20))
        return await all_of(listener, 5)

    assert [event["transaction_id"] for event in asyncio.run(listen())] == [
        "t-3",
        "t-7",
        "t-11",
        "t-15",
        "t-19",
    ]


def test_who_is_too_slow_misses_messages_and_is_told_how_many():
    async def listen():
        live = LiveFeed()
        slow, quick = live.join(1.0), live.join(1.0)
        for answer in answers(MAX_PENDING + 5):
            live.publish_predictions(NOW, [answer])
            await quick.next(1)
        return await all_of(slow, MAX_PENDING + 1)

    heard = asyncio.run(listen())
    assert [event["type"] for event in heard[-2:]] == ["prediction", "missed"]
    assert heard[-1]["count"] == 5


def test_what_was_missed_is_told_even_if_nothing_follows():
    async def listen():
        listener = Listener(1.0)
        for _ in range(MAX_PENDING + 1):
            listener.offer(b"{}")
        await all_of(listener, MAX_PENDING)
        return await all_of(listener, 1)

    assert asyncio.run(listen()) == [{"type": "missed", "count": 1}]


def test_events_from_another_thread_reach_everybody():
    async def listen():
        live = LiveFeed()
        listener = live.join(0.0)
        await asyncio.to_thread(live.publish, LiveReload(2, 1, NOW))
        return await all_of(listener, 1)

    assert asyncio.run(listen()) == [
        {"type": "reload", "model_version": 2, "former_version": 1, "at": "2026-01-05T00:00:00Z"}
    ]


def test_nobody_listens_and_nothing_is_kept():
    live = LiveFeed()
    live.publish(LiveReload(2, 1, NOW))
    assert not live.listeners


def test_a_connection_says_hello_then_sends_what_is_answered(service, port):
    with listening(port, "?sample=1") as socket:
        assert heard(socket) == {
            "type": "hello", "use_case": "fraud", "replica": service.replica, "model_version": 1, "sample": 1.0,
        }  # fmt: skip
        asked = {"json": made.row(), "headers": {"X-API-Key": "secret"}}
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/fraud/predict", **asked).json()
        event = heard(socket)
        assert (event.pop("type"), "scored_at" in event) == ("prediction", True)
        assert event | answer == event
        assert 'sixgate_live_listeners{use_case="fraud"} 1.0' in service.metrics.text().decode()
    deadline = time.monotonic() + 5
    while service.scorers[0].live.listeners and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not service.scorers[0].live.listeners


def test_a_browser_offers_its_key_as_a_subprotocol(port):
    with listening(port, key="", subprotocols=["sixgate", "secret"]) as socket:
        assert socket.subprotocol == "sixgate"
        assert heard(socket)["sample"] == 0.1


@pytest.mark.parametrize(
    ("key", "query", "status", "words"),
    [
        ("", "", 401, "send your key"),
        ("wrong", "", 403, "not known"),
        ("secret", "?sample=2", 422, "from 0 to 1"),
        ("secret", "?sample=nan", 422, "from 0 to 1"),
        ("secret", "?sample=much", 422, "from 0 to 1"),
        ("secret", "?smaple=1", 422, "known is sample"),
    ],
)
def test_what_is_not_in_order_is_refused_before_the_connection(
    service, port, key, query, status, words
):
    answer = refused(port, query, key)
    assert (answer.status_code, words in json.loads(answer.body)["detail"]) == (status, True)
    assert (
        answer.headers["content-type"] == "application/problem+json"
        and answer.headers["x-request-id"]
    )
    (line,) = service.requests.lines()
    assert (line.status, line.path) == (status, LIVE)


@pytest.mark.parametrize("path", ["/v1/nope/live", "/v1/fraud/livex", "/v1/fraud/predict"])
def test_where_nothing_is_live_is_not_found(port, path):
    with pytest.raises(InvalidStatus) as refusal, connect(f"ws://127.0.0.1:{port}{path}"):
        pass
    assert refusal.value.response.status_code == 404
    assert (
        f"there is no WebSocket route {path}" in json.loads(refusal.value.response.body)["detail"]
    )


def test_too_many_are_told_to_come_back(service, port):
    service.scorers[0].live.listeners.update(Listener(0.0) for _ in range(MAX_LISTENERS))
    answer = refused(port)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def refused(port, query="", key="secret"):
    with pytest.raises(InvalidStatus) as refusal, listening(port, query, key):
        pass
    return refusal.value.response


def test_a_key_that_is_withdrawn_ends_the_connection(service, port):
    with listening(port, "?sample=1") as socket:
        heard(socket)
        api_keys.write(service.settings.home / "api_keys.json", [])
        with pytest.raises(ConnectionClosed) as ended:
            heard(socket)
    assert (ended.value.rcvd.code, "not known" in ended.value.rcvd.reason) == (1008, True)


def test_an_error_of_the_servers_own_ends_the_connection_and_is_logged(
    service, port, monkeypatch, caplog
):
    def broken(self, seconds):
        raise RuntimeError("so")

    with listening(port) as socket:
        heard(socket)
        monkeypatch.setattr(Listener, "next", broken)
        service.scorers[0].live.publish(LiveReload(2, 1, NOW))
        with pytest.raises(ConnectionClosed) as ended:
            [heard(socket) for _ in range(2)]  # a sender that waited already still tells the first
    assert ended.value.rcvd.code == 1011
    assert "can't send to a live connection" in caplog.text


def test_a_listener_that_takes_nothing_delays_nobody(service, port):
    with (
        listening(port, "?sample=1", max_queue=1, close_timeout=0.2),
        httpx.Client(headers={"X-API-Key": "secret"}) as client,
    ):
        rows = {"rows": [made.row()] * 1000}
        for _ in range(20):
            assert (
                client.post(
                    f"http://127.0.0.1:{port}/v1/fraud/predict/batch", json=rows
                ).status_code
                == 200
            )
        (listener,) = service.scorers[0].live.listeners
        assert len(listener._pending) <= MAX_PENDING


def test_what_a_listener_says_is_dropped_also_when_it_is_no_text(service, port, caplog):
    with listening(port, "?sample=1") as socket:
        heard(socket)
        socket.send(b"\xff\xfe", text=True)
        socket.send("x" * 4000)
        service.scorers[0].live.publish(LiveReload(2, 1, NOW))
        assert heard(socket)["type"] == "reload"
    assert "Traceback" not in caplog.text


def test_a_client_that_has_closed_is_sent_nothing(service):
    async def story() -> None:
        config = uvicorn.Config(build(service), log_level="critical")
        config.load()
        protocol = ListenOnlyWebSocket(
            config, uvicorn.server.ServerState(), {}, asyncio.get_running_loop()
        )
        protocol.handshake_complete = protocol.close_sent = True
        with pytest.raises(ClientDisconnected):
            await protocol.send({"type": "websocket.send", "text": "x"})

    asyncio.run(story())
