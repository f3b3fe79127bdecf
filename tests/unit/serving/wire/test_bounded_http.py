"""Connections that exceed a bound are closed, and other connections are answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from serving.wire import bounded_http
from serving.wire.bounded_http import LARGEST_HEAD, BoundedHttp

pytestmark = pytest.mark.anyio
MOST = 1000 * LARGEST_HEAD  # more than the socket buffers hold
TRAILERS = b"x: y\r\n" * 2**13
UPGRADE = (
    b"GET / HTTP/1.1\r\n"
    b"host: x\r\n"
    b"connection: upgrade\r\n"
    b"upgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"\r\n"
)
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the request body."""
    if scope["type"] != "http":
        return
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"%d" % length
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Connect]:
    config = uvicorn.Config(
        application,
        http=BoundedHttp,
        loop="asyncio",
        port=0,
        log_config=None,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    (socket,) = server.servers[0].sockets
    port = socket.getsockname()[1]
    writers = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    try:
        yield connect
    finally:
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        server.should_exit = True
        await running


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read the status line, and the body that follows the headers."""
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, *headers = head.split(b"\r\n")
    pairs = [header.lower().split(b": ") for header in headers if header]
    length = int(dict(pairs)[b"content-length"])
    return status_line, await reader.readexactly(length)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes the connection."""
    content = b""
    async with asyncio.timeout(5):
        while part := await reader.read(65536):
            content += part
    return content


@pytest.mark.parametrize(
    "endless",
    [b"x-long: " + b"a" * 2**16, b"x: y\r\n" * 2**13, b"a" * 2**16],
    ids=["one header", "many headers", "an endless name"],
)
async def test_an_endless_head_is_refused_and_other_connections_are_answered(
    endless: bytes,
) -> None:
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(GET[:-2])
        sent = 0
        with contextlib.suppress(ConnectionError):  # closed while we still write
            while sent < MOST:
                writer.write(endless)
                sent += len(endless)
                await writer.drain()
            assert (await ended(reader)).startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
        assert sent < MOST
        reader, writer = await connect()
        writer.write(GET)
        assert await answer(reader) == (b"HTTP/1.1 200 OK", b"0")


async def test_endless_trailers_are_refused() -> None:
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"0\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < MOST:
                writer.write(TRAILERS)
                sent += len(TRAILERS)
                await writer.drain()
            assert await ended(reader) == b""
        assert sent < MOST


async def test_a_request_that_follows_a_large_one_in_one_read_is_answered() -> None:
    async with listening() as connect:
        reader, writer = await connect()
        body = b"b" * 100_000
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write(head + body + GET[:9])
        await asyncio.sleep(0.1)
        writer.write(GET[9:])
        assert await answer(reader) == (b"HTTP/1.1 200 OK", b"%d" % len(body))
        assert await answer(reader) == (b"HTTP/1.1 200 OK", b"0")


async def test_an_empty_line_after_an_answer_does_not_hold_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_REQUEST", 0.3)
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(GET)
        assert await answer(reader) == (b"HTTP/1.1 200 OK", b"0")
        writer.write(b"\r\n")
        assert await ended(reader) == b""


@pytest.mark.parametrize(
    ("path", "is_answered"), [(b"/v1/fraud/jobs", True), (b"/v1/fraud/predict", False)]
)
async def test_an_upload_may_be_slow_while_its_parts_come(
    path: bytes, is_answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_REQUEST", 0.4)
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 12\r\n\r\n" % path)
        with contextlib.suppress(ConnectionError):
            for _ in range(12):
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.1)
        if is_answered:
            assert await answer(reader) == (b"HTTP/1.1 200 OK", b"12")
            return
        with contextlib.suppress(ConnectionError):
            assert b"200 OK" not in await ended(reader)


async def test_an_upload_that_stops_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_REQUEST", 0.3)
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(b"POST /v1/fraud/jobs HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\na")
        assert b"200 OK" not in await ended(reader)


async def test_a_connection_that_reads_no_answers_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_REQUEST", 0.3)
    kept: list[BoundedHttp] = []
    monkeypatch.setattr(bounded_http.BoundedHttp, "connection_made", keeping(kept))
    async with listening() as connect:
        _, writer = await connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GET[:9])
        while not kept:
            await asyncio.sleep(0.01)
        (protocol,) = kept
        protocol.transport.write(b"a" * 2**24)  # more than the socket buffers hold
        async with asyncio.timeout(5):
            while protocol in protocol.connections:
                await asyncio.sleep(0.05)


def keeping(kept: list[BoundedHttp]) -> Callable[[BoundedHttp, Any], None]:
    """`connection_made` that also appends the protocol to `kept`."""
    original = BoundedHttp.connection_made

    def connection_made(self: BoundedHttp, transport: Any) -> None:
        kept.append(self)
        original(self, transport)

    return connection_made


async def test_a_websocket_leaves_no_timer_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[BoundedHttp] = []
    monkeypatch.setattr(bounded_http.BoundedHttp, "connection_made", keeping(kept))
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n")
        timer = kept[0]._timer
        assert timer is not None
        assert timer.cancelled()


async def test_a_large_head_and_a_large_body_within_bounds_are_read() -> None:
    async with listening() as connect:
        reader, writer = await connect()
        body = b"b" * 2**21
        value = b"a" * (LARGEST_HEAD - 100)
        for _ in range(3):  # on one connection
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\nx-long: %s\r\n" % value)
            await asyncio.sleep(0.01)
            writer.write(b"content-length: %d\r\n\r\n" % len(body))
            writer.write(body)
            assert await answer(reader) == (b"HTTP/1.1 200 OK", b"%d" % len(body))


@pytest.mark.parametrize(
    "start",
    [b"", b"GET /a", GET[:-2], b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1234"],
    ids=["nothing", "a part of a line", "a part of a head", "a part of a body"],
)
async def test_a_request_that_does_not_arrive_ends_its_connection(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_REQUEST", 0.3)
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(start)
        for _ in range(4):  # a slow client does not get more time
            await asyncio.sleep(0.05)
            if start:
                writer.write(b"x")
        assert await ended(reader) == b""


async def test_a_sequence_of_requests_may_take_longer_than_one_request_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_REQUEST", 0.3)
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(GET[:9])
        for _ in range(10):  # each write ends in the middle of a request
            await asyncio.sleep(0.1)
            writer.write(GET[9:] + GET[:9])
            assert await answer(reader) == (b"HTTP/1.1 200 OK", b"0")
