"""Connections that keep to no bounds are closed, and those beside them are answered."""

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
MOST = 1000 * LARGEST_HEAD  # more than the buffers on the way take
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body that it was sent."""
    if scope["type"] != "http":
        return
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"%d" % len(str(length)))],
        }
    )
    await send({"type": "http.response.body", "body": str(length).encode()})


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Connect]:
    config = uvicorn.Config(
        application, http=BoundedHttp, loop="asyncio", port=0, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
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
    """The status line, and the body that follows the headers."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head.split(b"\r\n")[0], await reader.readexactly(
        int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
    )


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What is read until the server closes the connection."""
    found = b""
    async with asyncio.timeout(5):
        while part := await reader.read(65536):
            found += part
    return found


@pytest.mark.parametrize(
    "endless",
    [b"x-long: " + b"a" * 2**16, b"x: y\r\n" * 2**13, b"a" * 2**16],
    ids=["one header", "many headers", "a name without an end"],
)
async def test_a_head_without_end_is_refused_and_others_are_answered(endless: bytes) -> None:
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


async def test_trailers_without_end_are_refused() -> None:
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"0\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < MOST:
                writer.write(b"x: y\r\n" * 2**13)
                sent += 6 * 2**13
                await writer.drain()
            assert await ended(reader) == b""
        assert sent < MOST


async def test_a_request_that_follows_a_large_one_in_one_read_is_answered() -> None:
    async with listening() as connect:
        reader, writer = await connect()
        body = b"b" * 100_000
        writer.write(
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body + GET[:9]
        )
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
        kept[0].transport.write(b"a" * 2**24)  # more than the buffers on the way take
        async with asyncio.timeout(5):
            while kept[0] in kept[0].connections:
                await asyncio.sleep(0.05)


def keeping(kept: list[BoundedHttp]) -> Callable[[BoundedHttp, Any], None]:
    """`connection_made`, with the protocol noted."""
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
        writer.write(
            b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n")
        timer = kept[0]._timer
        assert timer is not None
        assert timer.cancelled()


async def test_a_large_head_and_a_large_body_within_bounds_are_read() -> None:
    async with listening() as connect:
        reader, writer = await connect()
        body = b"b" * 2**21
        for _ in range(3):  # on one connection
            writer.write(
                b"POST / HTTP/1.1\r\nhost: x\r\nx-long: %s\r\n" % (b"a" * (LARGEST_HEAD - 100))
            )
            await asyncio.sleep(0.01)
            writer.write(b"content-length: %d\r\n\r\n" % len(body) + body)
            assert await answer(reader) == (b"HTTP/1.1 200 OK", b"%d" % len(body))


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /a", GET[:-2], b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1234"],
    ids=["nothing", "a part of a line", "a part of a head", "a part of a body"],
)
async def test_a_request_that_does_not_arrive_ends_its_connection(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_REQUEST", 0.3)
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(begun)
        for byte in b"x" * 4:  # one byte now and then is no reason to wait longer
            await asyncio.sleep(0.05)
            if begun:
                writer.write(bytes([byte]))
        assert await ended(reader) == b""


async def test_requests_that_keep_coming_may_go_on_for_longer_than_one_may_take(
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
