"""Refuse changes from pages of another origin, edits of task results, and pages outside the path.

Airflow signs browsers in with a cookie. A browser sends a cookie to every port of a host and
regards all of them as one site, so SameSite does not distinguish Airflow's pages from those that
another user of the machine serves. But a browser respects a cookie's path. So the path in
`[api] base_url` is random, and no response of this middleware reveals it.
"""

import json
import re
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS = ("GET", "HEAD", "OPTIONS")
OWN_PAGES = (None, "same-origin", "none")
# Tasks pass each other the decision of a run, and whether it may be promoted, as XCom entries.
RESULTS = re.compile(r".*/api/v2/dags/[^/]+/dagRuns/[^/]+/taskInstances/[^/]+/xcomEntries(?:/.*)?")
# Requests of programs, which have no browser session. Their responses do not contain the path;
# those of the sign-in page and of /docs would.
FOR_PROGRAMS = re.compile(r"\w+ /api/v2/(?!auth(?:/|$)).*|POST /auth/token(?:/cli)?")
NOT_HERE = "Airflow's user interface has another address: `sixgate status` prints it."
# Our pages are frames in Airflow's pages and have the same origin.
FRAMES = "frame-ancestors 'self'"
REFERRERS = "same-origin"


class RequestGuard:
    """ASGI middleware around Airflow's API server, whose address for browsers is `base_url`."""

    def __init__(self, app: ASGIApp, *, base_url: str) -> None:
        self._app = app
        address = urlsplit(base_url)
        # The host and port that browsers use; a proxy may pass on others.
        self._own = address.netloc.lower()
        self._path = address.path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403 or 404 with the reason.

        Raises HTTPException for a request with a cookie outside the path.
        """
        if scope["type"] != "http" or below(scope["path"], self._path):
            await self._guard(scope, receive, send)
        elif "cookie" in Headers(scope=scope):
            # If this middleware answered, Airflow would add a cookie for an invalid session, and
            # the cookie contains the path.
            raise HTTPException(404, NOT_HERE)
        elif scope["path"] == "/favicon.ico":
            # Browsers request it outside the path, and would report a 404.
            await _answer(send, 204, b"image/x-icon", b"")
        elif FOR_PROGRAMS.fullmatch(f"{scope['method']} {scope['path']}"):
            path = self._path + scope["path"]
            inside = {**scope, "path": path, "raw_path": path.encode()}
            await self._guard(inside, receive, _without_locations(send))
        else:
            await _answer(send, 404, b"text/plain; charset=utf-8", f"{NOT_HERE}\n".encode())

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless `why_refused` has a reason not to."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        reason = why_refused(scope["method"], scope["path"], headers, own=self._own)
        if reason is None:
            await self._app(scope, receive, lambda message: send(_with_headers(message)))
        else:
            body = json.dumps({"detail": reason}).encode()
            await _answer(send, 403, b"application/json", body)


def below(path: str, folder: str) -> bool:
    """Return whether a path is a folder or is below it; every path is below ''."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def why_refused(method: str, path: str, headers: Headers, *, own: str) -> str | None:
    """Return why a request is refused, or None if it is not."""
    if method in READS:
        return None
    origin = headers.get("origin")
    own_hosts = {headers.get("host", "").lower(), own} - {""}
    if origin is not None and urlsplit(origin).netloc.lower() not in own_hosts:
        return f"a page of {origin} may not change anything here"
    if headers.get("sec-fetch-site") not in OWN_PAGES:
        return "a page of another origin may not change anything here"
    if RESULTS.fullmatch(path):
        return "the result of a task can't be edited: clear the task, or trigger a new run"
    return None


def _without_locations(send: Send) -> Send:
    """Drop the headers that would contain the path; programs do not need them."""

    async def send_without_locations(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                pair
                for pair in message.get("headers", ())
                if pair[0].lower() not in (b"location", b"set-cookie")
            ]
            message = {**message, "headers": headers}
        await send(message)

    return send_without_locations


def _with_headers(message: Message) -> Message:
    """Add the headers that keep the page out of foreign frames and the path out of referrers."""
    if message["type"] == "http.response.start":
        headers = MutableHeaders(raw=list(message.get("headers", ())))
        headers.setdefault("content-security-policy", FRAMES)
        headers.setdefault("referrer-policy", REFERRERS)
        message = {**message, "headers": headers.raw}
    return message


async def _answer(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-type", content_type), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
