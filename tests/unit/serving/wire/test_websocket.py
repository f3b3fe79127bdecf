"""A client of the live feed only listens: what it sends is discarded."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from uvicorn.protocols.utils import ClientDisconnected

from serving.app import build
from serving.wire.websocket import ListenOnlyWebSocket
from tests.unit.serving.listening import RELOAD, RELOAD_MESSAGE, listening, next_message


def test_messages_of_a_client_are_discarded_even_if_they_are_not_text(live, port, caplog):
    with listening(port, "?sample=1") as socket:
        next_message(socket)
        socket.send(b"\xff\xfe", text=True)
        socket.send("x" * 4000)
        live.publish(RELOAD)
        assert next_message(socket) == RELOAD_MESSAGE
    assert "Traceback" not in caplog.text


def test_a_client_that_has_closed_is_sent_nothing(service):
    async def send_after_close() -> None:
        config = uvicorn.Config(build(service), log_level="critical")
        config.load()
        protocol = ListenOnlyWebSocket(
            config=config,
            server_state=uvicorn.server.ServerState(),
            app_state={},
            _loop=asyncio.get_running_loop(),
        )
        protocol.handshake_complete = True
        protocol.close_sent = True
        with pytest.raises(ClientDisconnected):
            await protocol.send({"type": "websocket.send", "text": "x"})

    asyncio.run(send_after_close())
