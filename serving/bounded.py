"""uvicorn's HTTP for clients that keep to no bounds: a head without end, or a request that never arrives whole."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024  # bytes of request line and headers, beside what one read brings
SLOWEST_REQUEST = 60.0  # seconds from the connection, or from a request's first byte, to its last
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head that is too large, and closes a connection whose request takes too long to arrive."""

    _timer: asyncio.TimerHandle | None = None
    _awaited: Any = None  # the request, by uvicorn's scope, that has begun and is not whole; None before its first byte
    _head = 0  # bytes of it so far, while it is head

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Await the first request."""
        super().connection_made(transport)
        self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on while head and time keep within bounds."""
        super().data_received(data)
        heading = self.scope is None or "method" not in self.scope
        if not heading and (self.cycle is None or not self.cycle.more_body):
            if self._timer is not None:
                self._stop()
            return
        self._await()
        if heading and self._head > LARGEST_HEAD:
            self.transport.write(TOO_LARGE)
            self.transport.close()
        self._head += len(data)

    def _await(self) -> None:
        if self._timer is None or self._awaited is not self.scope:
            self._stop()
            self._awaited = self.scope
            self._timer = self.loop.call_later(SLOWEST_REQUEST, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._awaited, self._head = None, None, 0
