"""uvicorn's HTTP protocol with bounds on the size of a request head and on a request's duration."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Bytes of headers or trailers, not counting the read in which they began.
LARGEST_HEAD = 64 * 1024
SLOWEST_REQUEST = 60.0  # seconds from the connection, or from a request's first byte, to its last
UPLOADS = "/jobs"  # where the paths of uploads end
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\n"
    b"content-length: 0\r\n"
    b"\r\n"
)


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head that is too large, and closes connections whose request is too slow.

    There is one timer per connection, not per request: uvloop needs 1.7 microseconds to set and
    cancel a timer, which is 4 % of an answer.
    """

    _timer: asyncio.TimerHandle | None = None
    # The scope of the request that has begun and is incomplete; None before its first byte.
    _incomplete: Any = None
    # When that request began, by the loop's clock; None while every request is complete.
    _since: float | None = None
    _head = 0  # bytes of head or trailers since the request began, or since its last body part
    _body_came = False  # in this read
    _refused = False  # closed because of one of the bounds

    # uvicorn declares the same type.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(SLOWEST_REQUEST, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Stop the timer: the WebSocket protocol takes over and is notified of the end."""
        self._stop()
        super().handle_websocket_upgrade()

    def on_body(self, body: bytes) -> None:
        """Note that a body part arrived; the application limits the size of bodies.

        An upload may take longer than other requests: its time begins anew with each part, until it
        is answered.
        """
        self._body_came = True
        if self._since is not None and self._is_upload():
            self._since = self.loop.time()
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        """Process a read, check the size of head and trailers, and note when a request began."""
        self._body_came = False
        super().data_received(data)
        if self._complete():
            self._since = None
        elif self._since is None or self._incomplete is not self.scope:
            self._incomplete = self.scope
            self._since = self.loop.time()
            self._head = 0
        elif self._body_came:
            self._head = 0
        else:
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._refuse()

    def _is_upload(self) -> bool:
        """Whether an upload is under way; one without a valid key is answered before its body."""
        unanswered = self.cycle is not None and not self.cycle.response_started
        return unanswered and self.scope["path"].endswith(UPLOADS)

    def _complete(self) -> bool:
        """Whether all requests that began have arrived, and one of them is being answered."""
        if self.scope is None or "method" not in self.scope:
            return False
        return self.cycle is None or not (self.cycle.more_body or self.cycle.response_complete)

    def _refuse(self) -> None:
        # While an answer is under way, the client would take the 431 for a part of it.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(TOO_LARGE)
        self._close()

    def _close(self) -> None:
        self._refused = True
        self.transport.close()

    def _check(self) -> None:
        """Close the connection when its request is overdue, and set the timer again.

        A connection that is still open after it was closed has a client that reads no answers; it
        is aborted.
        """
        if self._refused:
            self.transport.abort()
            return
        remaining = SLOWEST_REQUEST
        if self._since is not None:
            remaining = self._since + SLOWEST_REQUEST - self.loop.time()
        if remaining <= 0:
            self._close()
            remaining = SLOWEST_REQUEST
        self._timer = self.loop.call_later(remaining, self._check)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
