"""Refuse changes that a page of another origin asks for, edits of what a task returned, and pages beside Airflow's path.

Airflow signs browsers in with a cookie. A browser sends cookies to every port of a host, and calls all of them one site:
SameSite does not tell Airflow's page from a page that another user of the machine serves. What a browser does keep to is a
cookie's path. So the path in `[api] base_url` is a random one, and nothing here tells it to a stranger.
"""

import json
import re
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS = ("GET", "HEAD", "OPTIONS")
OWN_PAGES = (None, "same-origin", "none")
# Which decision a run is about, and whether it may be promoted, goes from task to task by these.
RESULTS = re.compile(r".*/api/v2/dags/[^/]+/dagRuns/[^/]+/taskInstances/[^/]+/xcomEntries(?:/.*)?")
# What programs ask without a browser's session. None of it names the path, as signing in and /docs would.
FOR_PROGRAMS = re.compile(r"\w+ /api/v2/(?!auth(?:/|$)).*|POST /auth/token(?:/cli)?")
NOT_HERE = "Airflow's pages have an address of their own: `sixgate status` prints it."
# Frames of our own pages in Airflow's are of the same origin.
FRAMES = "frame-ancestors 'self'"
REFERRERS = "same-origin"


class RequestGuard:
    """An ASGI middleware around Airflow's API server, whose address for browsers is `base_url`."""

    def __init__(self, app: ASGIApp, *, base_url: str) -> None:
        self._app = app
        address = urlsplit(base_url)
        self._own = (
            address.netloc.lower()
        )  # host and port that browsers know, where a proxy passes on another one
        self._path = address.path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403 or 404 with the reason; a session beside the path raises HTTPException."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not below(scope["path"], self._path):
            if "cookie" in Headers(scope=scope):
                # Answered here, a session that does not hold would get a cookie from Airflow, which names the path.
                raise HTTPException(404, NOT_HERE)
            if (
                scope["path"] == "/favicon.ico"
            ):  # browsers ask for it beside the path, and would report a 404
                await _answer(send, 204, b"image/x-icon", b"")
                return
            if not FOR_PROGRAMS.fullmatch(f"{scope['method']} {scope['path']}"):
                await _answer(send, 404, b"text/plain; charset=utf-8", f"{NOT_HERE}\n".encode())
                return
            path = self._path + scope["path"]
            scope, send = (
                {**scope, "path": path, "raw_path": path.encode()},
                _without_locations(send),
            )
        refused = why_refused(scope["method"], scope["path"], Headers(scope=scope), own=self._own)
        if refused is None:
            await self._app(scope, receive, lambda message: send(_unframed(message)))
        else:
            await _answer(send, 403, b"application/json", json.dumps({"detail": refused}).encode())


def below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies below it; every path lies below ''."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def why_refused(method: str, path: str, headers: Headers, *, own: str) -> str | None:
    """Say why a request is refused, or None."""
    if method in READS:
        return None
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() not in {
        headers.get("host", "").lower(),
        own,
    } - {""}:
        return f"a page of {origin} may change nothing here"
    if headers.get("sec-fetch-site") not in OWN_PAGES:
        return "a page of another origin may change nothing here"
    if RESULTS.fullmatch(path):
        return "what a task returned is not edited here: clear the task, or trigger a new run"
    return None


def _without_locations(send: Send) -> Send:
    """Drop the headers that would name the path; none of what programs ask needs them."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [
                pair
                for pair in message.get("headers", ())
                if pair[0].lower() not in (b"location", b"set-cookie")
            ]
            message = {**message, "headers": kept}
        await send(message)

    return sending


def _unframed(message: Message) -> Message:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(raw=list(message.get("headers", ())))
        headers.setdefault("content-security-policy", FRAMES)
        headers.setdefault("referrer-policy", REFERRERS)
        message = {**message, "headers": headers.raw}
    return message


async def _answer(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
