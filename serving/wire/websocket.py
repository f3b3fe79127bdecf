"""uvicorn's WebSocket for clients that only listen."""

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class ListenersOnly(WebSocketsSansIOProtocol):
    """Drops what clients say unread, and treats one that has closed as gone.

    uvicorn would log a traceback for text that is not UTF-8, and for a message to a client that has just closed.
    """

    def send_receive_event_to_app(self) -> None:
        """Drop a message."""
        self.frames = []

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message; ClientDisconnected once either side has closed."""
        if self.close_sent and message["type"] == "websocket.send":
            raise ClientDisconnected
        await super().send(message)
