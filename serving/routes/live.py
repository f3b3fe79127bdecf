"""The use case's life, over a WebSocket."""

import asyncio
import contextlib
import logging
import math

import msgspec
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from serving.live_feed import LISTENERS, Listener
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire import request_decoding
from serving.wire.api_keys import HEADER
from serving.wire.problems import Problem, refusal
from serving.wire.schemas import LiveHello

PROTOCOL = (
    "sixgate"  # a browser can't send headers: it offers ["sixgate", <key>] as subprotocols instead
)
SAMPLE = 0.1
LOOK_AGAIN = 1.0  # seconds after which a key that was withdrawn is noticed, if nothing happens

log = logging.getLogger(__name__)


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """`/live`."""
    router = APIRouter()
    live = scorer.live

    @router.websocket("/live")
    async def listen(socket: WebSocket) -> None:
        """Send a hello, then predictions (a sample), reloads and alerts, until either side closes."""
        key = key_of(socket)
        try:
            socket.scope["caller"] = service.keys.require(key, "read")
            sample = sample_of(socket)
            listener = live.join(sample)
            if listener is None:
                raise Problem(503, f"{LISTENERS} listen already: close another connection first")
        except Problem as error:
            await socket.send_denial_response(refusal(error))
            return
        try:
            await socket.accept(
                subprotocol=PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None
            )
            model = scorer.model
            hello = LiveHello(
                scorer.use_case, service.replica, model.served.version if model else None, sample
            )
            await socket.send_text(msgspec.json.encode(hello).decode())
            sending = asyncio.create_task(send(socket, listener, key))
            try:
                while (await socket.receive())["type"] != "websocket.disconnect":
                    pass  # nothing is asked of who listens
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            live.leave(listener)

    async def send(socket: WebSocket, listener: Listener, key: bytes | None) -> None:
        """Send what waits, as fast as the other side takes it, for as long as the key is good."""
        try:
            while True:
                message = await listener.next(LOOK_AGAIN)
                service.keys.require(key, "read")
                if message is not None:
                    await socket.send_text(message.decode())
        except WebSocketDisconnect:
            pass
        except Problem as error:
            await socket.close(1008, str(error))
        except Exception:
            log.exception("%s: a listener can't be sent to", scorer.use_case)
            await socket.close(1011, "an error of the server's own; its log says more")

    return router


def key_of(socket: WebSocket) -> bytes | None:
    """The key, from the header or from the subprotocols that were offered."""
    offered = [name for name in socket.scope["subprotocols"] if name != PROTOCOL]
    given = socket.headers.get(HEADER) or (offered[0] if offered else "")
    return given.encode() or None


def sample_of(socket: WebSocket) -> float:
    """The share of predictions that is asked for, or a 422 Problem."""
    for name in socket.query_params.keys() - {"sample"}:
        raise request_decoding.refusal(
            name, socket.query_params[name], "is not known; known is sample"
        )
    given = socket.query_params.get("sample", str(SAMPLE))
    with contextlib.suppress(ValueError):
        if 0 <= (share := float(given)) <= 1 and not math.isnan(share):
            return share
    raise request_decoding.refusal("sample", given, "must be a share from 0 to 1")
