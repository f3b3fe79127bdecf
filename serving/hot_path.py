"""The outermost ASGI application: assigns request ids, and times, counts and logs requests.

It answers the hot routes itself, without the framework's router and middleware. FastAPI documents
these routes like all others. It is plain ASGI, and does as little as possible per request.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from serving.service import Service, read_body
from serving.wire.api_keys import KeyScope
from serving.wire.idempotency import HEADER, REPLAYED
from serving.wire.json_logs import REQUEST_ID
from serving.wire.problems import Problem, refusal

HEADER_ID = b"x-request-id"
# Takes the name of the API key and the request body, returns the response body.
Handler = Callable[[str, bytes], Awaitable[bytes]]
RESPONSE_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
JSON = (b"content-type", b"application/json")
_VALID_ID = re.compile(rb"[!-~]{1,128}")


class HotEndpoint:
    """An endpoint that FastAPI documents and `HotPath` calls; its key needs `key_scope`.

    If `once`, requests with the same `Idempotency-Key` get the first answer.
    """

    def __init__(
        self, handler: Handler, key_scope: KeyScope, doc: str, *, once: bool = False
    ) -> None:
        self.handler = handler
        self.key_scope = key_scope
        self.once = once
        self.__doc__ = doc

    async def __call__(self) -> None:
        """Raise RuntimeError: FastAPI calls this only if `HotPath` is not installed."""
        raise RuntimeError(
            "HotPath has to answer this route and is not installed: "
            "build the application with create_app"
        )


@dataclass(frozen=True, slots=True)
class Routing:
    """The routes of the use cases that are served at one moment: the hot ones, and all of them."""

    app: FastAPI
    hot: Mapping[str, HotEndpoint]
    sockets: frozenset[str]

    @classmethod
    def of(cls, app: FastAPI) -> "Routing":
        """Return the routing of an application."""
        routes = app.routes
        hot = {
            route.path: route.endpoint
            for route in routes
            if isinstance(route, APIRoute) and isinstance(route.endpoint, HotEndpoint)
        }
        sockets = {route.path for route in routes if isinstance(route, APIWebSocketRoute)}
        return cls(app, hot, frozenset(sockets))


class HotPath:
    """The outermost application.

    Another thread replaces `routing` with one assignment when a use case is taken up. A request
    reads it once.
    """

    def __init__(self, service: Service, routing: Routing) -> None:
        self.routing = routing
        self._keys = service.keys
        self._requests = service.requests
        self._replayed = service.metrics.replayed
        self._first_answers = service.first_answers
        self._id_prefix = f"{time.time_ns():x}-"
        self._id_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a hot route, or pass it on to FastAPI."""
        if scope["type"] == "lifespan":
            await self.routing.app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id, key, length, once = self._read(scope["headers"])
        path = scope["path"]
        routing = self.routing
        hot = routing.hot.get(path) if scope.get("method") == "POST" else None
        if hot is None:
            REQUEST_ID.set(request_id)
            scope.update(request_id=request_id, api_key=key, length=length)
            await self._pass_on(routing, scope, receive, send, began=began)
            return
        headers = [JSON, (HEADER_ID, request_id)]
        caller = None
        try:
            caller = self._keys.require(key, hot.key_scope)
            body = await read_body(length, receive)
            if once is None or not hot.once:
                body = await hot.handler(caller, body)
            else:
                body = await self._answer_once(caller, path, once, body, headers=headers, hot=hot)
            status = 200
        except Exception as error:
            REQUEST_ID.set(request_id)
            refused = refusal(error)
            body = bytes(refused.body)
            status = refused.status_code
            headers = [pair for pair in refused.raw_headers if pair[0] != b"content-length"]
            headers.append((HEADER_ID, request_id))
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        ended = time.perf_counter()
        self._requests.record((path, status, began, ended, request_id, "POST", path, caller))

    async def _answer_once(
        self,
        caller: str,
        path: str,
        key: bytes,
        body: bytes,
        *,
        headers: list[tuple[bytes, bytes]],
        hot: HotEndpoint,
    ) -> bytes:
        """Return the first answer to requests with a key; mark it when it is sent again."""
        request = b"\0".join((path.encode(), body))
        answer, is_replayed = await self._first_answers.answer(
            caller, key, request, partial(hot.handler, caller, body)
        )
        if is_replayed:
            headers.append(REPLAYED)
            self._replayed.labels(caller).inc()
        return answer

    async def _pass_on(
        self, routing: Routing, scope: Scope, receive: Receive, send: Send, *, began: float
    ) -> None:
        status = 500
        request_id = scope["request_id"]
        path = scope["path"]

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in RESPONSE_STARTS:
                status = message.get("status", 101)
                headers = [*message.get("headers", ()), (HEADER_ID, request_id)]
                message = {**message, "headers": headers}
            await send(message)

        try:
            if scope["type"] == "websocket" and path not in routing.sockets:
                missing = Problem(404, f"there is no WebSocket route {path}: see /docs")
                socket = WebSocket(scope, receive, send_with_id)
                await socket.send_denial_response(refusal(missing))
            else:
                await routing.app(scope, receive, send_with_id)
        finally:
            ended = time.perf_counter()
            route = getattr(scope.get("route"), "path", "other")
            method = scope.get("method", "GET")
            caller = scope.get("caller")
            self._requests.record((route, status, began, ended, request_id, method, path, caller))

    def _read(
        self, headers: Iterable[tuple[bytes, bytes]]
    ) -> tuple[bytes, bytes | None, bytes | None, bytes | None]:
        """Return the request id, the API key, the body's length and the idempotency key.

        The request id may be a new one.
        """
        request_id: bytes | None = None
        key: bytes | None = None
        length: bytes | None = None
        once: bytes | None = None
        for name, value in headers:
            if name == b"x-api-key":
                key = value
            elif name == HEADER_ID:
                request_id = value
            elif name == b"content-length":
                length = value
            elif name == HEADER:
                once = value
        if request_id is None or not _VALID_ID.fullmatch(request_id):
            self._id_count += 1
            request_id = f"{self._id_prefix}{self._id_count:x}".encode()
        return request_id, key, length, once
