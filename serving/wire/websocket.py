"""uvicorn's WebSocket protocol for clients that only listen."""

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class ListenOnlyWebSocket(WebSocketsSansIOProtocol):
    """Discards messages from clients, and treats a client that has closed as disconnected.

    uvicorn would log a traceback for text that is not UTF-8, and for a message to a client that
    has just closed.
    """

    def send_receive_event_to_app(self) -> None:
        """Discard a message."""
        self.frames = []

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message; raises ClientDisconnected once either side has closed."""
        if self.close_sent and message["type"] == "websocket.send":
            raise ClientDisconnected
        await super().send(message)
