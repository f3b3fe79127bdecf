"""uvicorn's HTTP for clients that keep to no bounds: a head without end, or a request that never arrives whole."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = (
    64 * 1024
)  # bytes of headers or trailers, beside what the read brought in which they began
SLOWEST_REQUEST = 60.0  # seconds from the connection, or from a request's first byte, to its last
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head that is too large, and closes a connection whose request takes too long to arrive.

    One timer per connection, not per request: uvloop needs 1.7 microseconds to set and cancel one, 4 % of an answer.
    """

    _timer: asyncio.TimerHandle | None = None
    _awaited: Any = None  # the request, by uvicorn's scope, that has begun and is not whole; None before its first byte
    _since: float | None = (
        None  # when it began, by the loop's clock; None while every request is whole
    )
    _head = 0  # bytes of head or trailers since it began, or since its last piece of a body
    _body_came = False  # in this read
    _refused = False  # closed by one of the bounds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Await the first request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(SLOWEST_REQUEST, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing more."""
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to another protocol, which hears of its end."""
        self._stop()
        super().handle_websocket_upgrade()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; the application bounds those."""
        self._body_came = True
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        """Read on while head and trailers keep within bounds, and note since when a request is awaited."""
        self._body_came = False
        super().data_received(data)
        if self._whole():
            self._since = None
        elif self._since is None or self._awaited is not self.scope:
            self._awaited, self._since, self._head = self.scope, self.loop.time(), 0
        elif self._body_came:
            self._head = 0
        else:
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._refuse()

    def _whole(self) -> bool:
        """Whether all requests that began have arrived, and one of them is being answered."""
        if self.scope is None or "method" not in self.scope:
            return False
        return self.cycle is None or not (self.cycle.more_body or self.cycle.response_complete)

    def _refuse(self) -> None:
        if (
            self.cycle is None or self.cycle.response_complete
        ):  # otherwise it would be taken for another request's answer
            self.transport.write(TOO_LARGE)
        self._close()

    def _close(self) -> None:
        self._refused = True
        self.transport.close()

    def _look(self) -> None:
        """Close the connection if its request is overdue, and end it if its client reads no answers; else look again."""
        if self._refused:
            self.transport.abort()
            return
        left = (
            SLOWEST_REQUEST
            if self._since is None
            else self._since + SLOWEST_REQUEST - self.loop.time()
        )
        if left <= 0:
            self._close()
        self._timer = self.loop.call_later(left if left > 0 else SLOWEST_REQUEST, self._look)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
