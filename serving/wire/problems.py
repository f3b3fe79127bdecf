"""Errors as RFC 9457 problem documents; one table says which status an error of ours is."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipelines.errors import (
    DataError,
    JournalFull,
    ModelRejected,
    SixgateError,
    UnknownPrediction,
    UseCaseError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2
STATUS: dict[type[SixgateError], int] = {
    UseCaseError: 404,
    UnknownPrediction: 404,
    DataError: 422,
    JournalFull: 503,
    ModelRejected: 503,
}

log = logging.getLogger(__name__)


class Problem(SixgateError):
    """A refusal with its HTTP status; `members` are what a client may act on beside the words."""

    def __init__(
        self, status: int, detail: str, *, retry_after: int | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.members = status, members
        self.headers = None if retry_after is None else {"Retry-After": str(retry_after)}


def document(
    status: int,
    detail: str,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a problem document; 503 always says when to come back, 401 how to identify."""
    title = HTTPStatus(status).phrase
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        **(members or {}),
    }
    extra = dict(headers or {})
    if status == 503:
        extra.setdefault("Retry-After", str(RETRY_AFTER))
    if status == 401:
        extra["WWW-Authenticate"] = 'ApiKey header="X-API-Key"'
    return Response(msgspec.json.encode(body), status, extra, media_type=MEDIA_TYPE)


def refusal(error: Exception) -> Response:
    """The answer to a request that ended in an error; what nobody foresaw is a 500, and the log says more."""
    if isinstance(error, Problem):
        return document(error.status, str(error), error.members, error.headers)
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            return document(status, str(error))
    if isinstance(error, psycopg.OperationalError):
        log.warning("the database is away: %s", " ".join(str(error).split()))
        return document(503, "the database is away: predictions go on, this has to wait")
    log.error("an error of the server's own", exc_info=error)
    return document(500, "an error of the server's own; its log says more")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _parameter)
    for kind in (SixgateError, psycopg.OperationalError, Exception):
        app.add_exception_handler(kind, _refused)


async def _refused(request: Request, error: Exception) -> Response:
    return refusal(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == 404:
        known = ", ".join(request.app.state.use_cases)
        detail = f"nothing is at {request.url.path}: see /docs; use cases are {known}"
    if error.status_code == 405:
        detail = f"{request.method} is not possible at {request.url.path}: see /docs"
    return document(error.status_code, detail, headers=error.headers)


async def _parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field, value, rule = str(first["loc"][-1]), first.get("input"), first["msg"]
    return document(
        422, f"{field}: {value!r}: {rule}", {"field": field, "value": value, "rule": rule}
    )
