"""A client that sends any bytes and reads responses."""

import asyncio
from typing import cast


class Client(asyncio.Protocol):
    """One connection with at most one open request."""

    def __init__(self) -> None:
        self._buffer = b""
        self._changed = asyncio.Event()
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Add a part of a response."""
        self._buffer = self._buffer + data if self._buffer else data
        self._changed.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Store that the server or the client has closed the connection."""
        self.open = False
        self._changed.set()

    async def answer(self, *, has_body: bool) -> tuple[int, bytes, bytes] | None:
        """Return status, head and body of the next response; None if the connection ends before."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if not await self._more():
                return None
        head = self._buffer[:end].lower()
        status = int(head[9:12])
        body_start = end + 4
        body_end = body_start
        if has_body and status != 101:
            body_end += _content_length(head)
        while len(self._buffer) < body_end:
            if not await self._more():
                return None
        body = self._buffer[body_start:body_end]
        self._buffer = self._buffer[body_end:]
        return status, head, body

    async def ended(self) -> None:
        """Wait until the server closes the connection."""
        while await self._more():
            self._buffer = b""

    async def _more(self) -> bool:
        """Wait for data or the end of the connection; return whether there is data."""
        if not self.open:
            return False
        self._changed.clear()
        await self._changed.wait()
        return self.open or bool(self._buffer)


def _content_length(head: bytes) -> int:
    name = b"\r\ncontent-length:"
    position = head.find(name)
    if position < 0:
        return 0
    value, _, _ = head[position + len(name) :].partition(b"\r\n")
    return int(value)
