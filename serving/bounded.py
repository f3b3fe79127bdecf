"""uvicorn's HTTP for clients that keep to no bounds: a head without end, or a request that never arrives whole."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024  # bytes of request line and headers, beside what one read brings
SLOWEST_REQUEST = 60.0  # seconds from the connection, or from a request's first byte, to its last
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head that is too large, and closes a connection whose request takes too long to arrive.

    One timer per connection, not per request: uvloop needs 1.7 microseconds to set and cancel one, 4 % of an answer.
    """

    _timer: asyncio.TimerHandle | None = None
    _awaited: Any = None  # the request, by uvicorn's scope, that has begun and is not whole; None before its first byte
    _since: float | None = None  # when it began, by the loop's clock; None while every request is whole
    _head = 0  # bytes of it so far, while it is head

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Await the first request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(SLOWEST_REQUEST, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on while the head keeps within bounds, and note since when a request is awaited."""
        super().data_received(data)
        heading = self.scope is None or "method" not in self.scope
        if not heading and (self.cycle is None or not self.cycle.more_body):
            self._since = None
            return
        if self._since is None or self._awaited is not self.scope:
            self._awaited, self._since, self._head = self.scope, self.loop.time(), 0
        if heading and self._head > LARGEST_HEAD:
            self.transport.write(TOO_LARGE)
            self.transport.close()
        self._head += len(data)

    def _look(self) -> None:
        """Close the connection if its request is overdue; otherwise look again when one may be."""
        left = SLOWEST_REQUEST if self._since is None else self._since + SLOWEST_REQUEST - self.loop.time()
        if left <= 0:
            self.transport.close()
        else:
            self._timer = self.loop.call_later(left, self._look)
