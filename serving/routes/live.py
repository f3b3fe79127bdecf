"""The WebSocket route of the live feed."""

import asyncio
import contextlib
import logging
import math

import msgspec
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from serving.live_feed import MAX_LISTENERS, Listener
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire import refusals
from serving.wire.api_keys import HEADER
from serving.wire.problems import Problem, refusal
from serving.wire.schemas import LiveHello

# A browser can't send headers: it offers ["sixgate", <key>] as subprotocols instead.
PROTOCOL = "sixgate"
SAMPLE = 0.1
KEY_CHECK = 1.0  # seconds between checks that the API key is still valid

log = logging.getLogger(__name__)


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """Create `/live`."""
    router = APIRouter()

    @router.websocket("/live")
    async def listen(socket: WebSocket) -> None:
        """Send a hello, then a sample of the predictions, model reloads and alerts."""
        key = key_of(socket)
        try:
            socket.scope["caller"] = service.keys.require(key, "read")
            sample = sample_of(socket)
            listener = scorer.live.join(sample)
            if listener is None:
                detail = f"{MAX_LISTENERS} clients are connected already: close a connection first"
                raise Problem(503, detail)
        except Problem as error:
            await socket.send_denial_response(refusal(error))
            return
        try:
            offered = socket.scope["subprotocols"]
            await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
            await socket.send_text(hello(service, scorer, sample))
            sending = asyncio.create_task(
                send(
                    service=service,
                    socket=socket,
                    listener=listener,
                    key=key,
                )
            )
            try:
                while (await socket.receive())["type"] != "websocket.disconnect":
                    pass  # messages of the client are ignored
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            scorer.live.leave(listener)

    return router


def hello(service: Service, scorer: UseCaseScorer, sample: float) -> str:
    """Return the first message of a connection."""
    model = scorer.model
    message = LiveHello(
        use_case=scorer.use_case,
        replica=service.replica,
        model_version=model.served.version if model else None,
        sample=sample,
    )
    return msgspec.json.encode(message).decode()


async def send(service: Service, socket: WebSocket, listener: Listener, key: bytes | None) -> None:
    """Send pending messages while the key is valid."""
    try:
        while True:
            message = await listener.next(KEY_CHECK)
            service.keys.require(key, "read")
            if message is not None:
                await socket.send_text(message.decode())
    except WebSocketDisconnect:
        pass
    except Problem as error:
        await socket.close(1008, str(error))
    except Exception:
        log.exception("can't send to the live connection %s", socket.url.path)
        # The reason may have 123 bytes at most, so the request ID is left out.
        await socket.close(1011, "internal server error; see the server log")


def key_of(socket: WebSocket) -> bytes | None:
    """Return the API key from the header, or else from the subprotocols that were offered."""
    offered = [name for name in socket.scope["subprotocols"] if name != PROTOCOL]
    key = socket.headers.get(HEADER)
    if not key and offered:
        key = offered[0]
    return key.encode() if key else None


def sample_of(socket: WebSocket) -> float:
    """Return the requested share of predictions, or raise a 422 Problem."""
    parameters = socket.query_params
    for name in parameters.keys() - {"sample"}:
        rule = "is not a known parameter; known is sample"
        raise refusals.refusal(name, parameters[name], rule)
    value = parameters.get("sample", str(SAMPLE))
    with contextlib.suppress(ValueError):
        share = float(value)
        if 0 <= share <= 1 and not math.isnan(share):
            return share
    raise refusals.refusal("sample", value, "must be a share from 0 to 1")
