"""What every request passes first: it gets an id, is timed, counted and logged. Plain ASGI, because every step counts here.

The hot paths are answered right here, past the framework's router and middleware; FastAPI documents them all the same.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from serving.service import Service, read_body
from serving.wire.api_keys import KeyScope
from serving.wire.json_logs import REQUEST_ID
from serving.wire.problems import Problem, refusal

HEADER_ID = b"x-request-id"
Answering = Callable[
    [str, bytes], Awaitable[bytes]
]  # whose key it is and the body, to the answer's body
BEGINNINGS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
JSON = (b"content-type", b"application/json")
_SOUND_ID = re.compile(rb"[!-~]{1,128}")


class Hot:
    """An endpoint that FastAPI documents, and `Front` calls: a key with the scope `needs`, the body in, the answer out."""

    def __init__(self, answer: Answering, needs: KeyScope, doc: str) -> None:
        self.answer, self.needs, self.__doc__ = answer, needs, doc

    async def __call__(self) -> None:
        """FastAPI is never asked; if it is, `Front` was left out of the application."""
        raise RuntimeError(
            "Front answers this route, and is missing before FastAPI: build the application by create_app"
        )


class Front:
    """The outermost application."""

    def __init__(self, app: ASGIApp, service: Service, routes: Sequence[BaseRoute]) -> None:
        self._app, self._keys, self._requests = app, service.keys, service.requests
        self._hot: Mapping[str, Hot] = {
            route.path: route.endpoint
            for route in routes
            if isinstance(route, APIRoute) and isinstance(route.endpoint, Hot)
        }
        self._sockets = {route.path for route in routes if isinstance(route, APIWebSocketRoute)}
        self._made, self._boot = 0, f"{time.time_ns():x}-"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on and watch."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id, key, length = self._read(scope["headers"])
        path = scope["path"]
        hot = self._hot.get(path) if scope.get("method") == "POST" else None
        if hot is None:
            REQUEST_ID.set(request_id)
            scope.update(request_id=request_id, api_key=key, length=length)
            await self._pass_on(scope, receive, send, begun)
            return
        headers = [JSON, (HEADER_ID, request_id)]
        caller = None
        try:
            caller = self._keys.require(key, hot.needs)
            body, status = await hot.answer(caller, await read_body(length, receive)), 200
        except Exception as error:
            REQUEST_ID.set(request_id)
            refused = refusal(error)
            body, status = bytes(refused.body), refused.status_code
            headers = [
                *(pair for pair in refused.raw_headers if pair[0] != b"content-length"),
                headers[1],
            ]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self._requests.note(
            (path, status, begun, time.perf_counter(), request_id, "POST", path, caller)
        )

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, begun: float) -> None:
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] in BEGINNINGS:
                status = message.get("status", 101)
                message = {
                    **message,
                    "headers": [*message.get("headers", ()), (HEADER_ID, scope["request_id"])],
                }
            await send(message)

        try:
            if scope["type"] == "websocket" and scope["path"] not in self._sockets:
                missing = Problem(404, f"nothing is live at {scope['path']}: see /docs")
                await WebSocket(scope, receive, watched).send_denial_response(refusal(missing))
            else:
                await self._app(scope, receive, watched)
        finally:
            route, caller, ended = (
                getattr(scope.get("route"), "path", "other"),
                scope.get("caller"),
                time.perf_counter(),
            )
            self._requests.note(
                (
                    route,
                    status,
                    begun,
                    ended,
                    scope["request_id"],
                    scope.get("method", "GET"),
                    scope["path"],
                    caller,
                )
            )

    def _read(
        self, headers: Iterable[tuple[bytes, bytes]]
    ) -> tuple[bytes, bytes | None, bytes | None]:
        """Find the request's id, or make one, the API key and the body's length."""
        given: bytes | None = None
        key: bytes | None = None
        length: bytes | None = None
        for name, value in headers:
            if name == b"x-api-key":
                key = value
            elif name == HEADER_ID:
                given = value
            elif name == b"content-length":
                length = value
        if given is None or not _SOUND_ID.fullmatch(given):
            self._made += 1
            given = f"{self._boot}{self._made:x}".encode()
        return given, key, length
