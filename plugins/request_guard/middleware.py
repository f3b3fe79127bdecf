"""Refuse changes that a page of another origin asks for, and edits of what a task returned.

Airflow signs browsers in with a cookie. A browser sends cookies to every port of a host, and calls all of them one site:
SameSite does not tell Airflow's page from a page that another user of the machine serves.
"""

import json
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS = ("GET", "HEAD", "OPTIONS")
OWN_PAGES = (None, "same-origin", "none")
# Which decision a run is about, and whether it may be promoted, goes from task to task by these.
RESULTS = re.compile(r".*/api/v2/dags/[^/]+/dagRuns/[^/]+/taskInstances/[^/]+/xcomEntries(?:/.*)?")
# Frames of our own pages in Airflow's are of the same origin.
FRAMES = "frame-ancestors 'self'"


class RequestGuard:
    """An ASGI middleware around Airflow's API server."""

    def __init__(self, app: ASGIApp, *, own: str) -> None:
        self._app = app
        self._own = own.lower()  # host and port that browsers know, where a proxy passes on another one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403 with the reason."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = why_refused(scope["method"], scope["path"], Headers(scope=scope), own=self._own)
        if refused is None:
            await self._app(scope, receive, lambda message: send(_unframed(message)))
        else:
            await _forbid(send, refused)


def why_refused(method: str, path: str, headers: Headers, *, own: str) -> str | None:
    """Say why a request is refused, or None."""
    if method in READS:
        return None
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() not in {headers.get("host", "").lower(), own} - {""}:
        return f"a page of {origin} may change nothing here"
    if headers.get("sec-fetch-site") not in OWN_PAGES:
        return "a page of another origin may change nothing here"
    if RESULTS.fullmatch(path):
        return "what a task returned is not edited here: clear the task, or trigger a new run"
    return None


def _unframed(message: Message) -> Message:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(raw=list(message.get("headers", ())))
        if "content-security-policy" not in headers:
            headers["content-security-policy"] = FRAMES
        message = {**message, "headers": headers.raw}
    return message


async def _forbid(send: Send, why: str) -> None:
    body = json.dumps({"detail": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
