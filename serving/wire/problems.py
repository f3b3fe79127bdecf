"""Errors as RFC 9457 problem documents; one table maps error classes to HTTP statuses."""

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
from serving.wire.json_logs import REQUEST_ID

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2
# Python 3.13 renamed these: a client gets the same title, whatever Python the server runs on.
TITLES = {413: "Request Entity Too Large", 422: "Unprocessable Entity"}
STATUS: dict[type[SixgateError], int] = {
    UseCaseError: 404,
    UnknownPrediction: 404,
    DataError: 422,
    JournalFull: 503,
    ModelRejected: 503,
}

log = logging.getLogger(__name__)


class Problem(SixgateError):
    """A refusal with its HTTP status; `members` are further members of the problem document."""

    def __init__(
        self, status: int, detail: str, *, retry_after: int | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.members = members
        self.headers = None if retry_after is None else {"Retry-After": str(retry_after)}


def document(
    status: int,
    detail: str,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document; a 503 always has Retry-After, a 401 has WWW-Authenticate."""
    body = {
        "type": "about:blank",
        "title": TITLES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **(members or {}),
    }
    all_headers = dict(headers or {})
    if status == 503:
        all_headers.setdefault("Retry-After", str(RETRY_AFTER))
    if status == 401:
        all_headers["WWW-Authenticate"] = 'ApiKey header="X-API-Key"'
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers=all_headers,
        media_type=MEDIA_TYPE,
    )


def refusal(error: Exception) -> Response:
    """Return the problem document for an error; an unexpected error is logged and answered 500."""
    if isinstance(error, Problem):
        return document(
            status=error.status,
            detail=str(error),
            members=error.members,
            headers=error.headers,
        )
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            return document(status, str(error))
    if isinstance(error, psycopg.OperationalError):
        log.warning("the database is not reachable: %s", " ".join(str(error).split()))
        return document(
            503,
            "the database is not reachable: retry this request later; predictions are not affected",
        )
    log.error("internal server error", exc_info=error)
    request_id = REQUEST_ID.get().decode()
    return document(500, f"internal server error; see the server log for request ID {request_id}")


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _parameter)
    for kind in (SixgateError, psycopg.OperationalError, Exception):
        app.add_exception_handler(kind, _refused)


async def _refused(request: Request, error: Exception) -> Response:
    return refusal(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    detail = error.detail
    if error.status_code == 404:
        if fault := _why_unusable(request):
            return document(503, fault)
        use_cases = ", ".join(request.app.state.use_cases)
        detail = f"there is no route {path}: see /docs; the use cases are {use_cases}"
    if error.status_code == 405:
        detail = f"the method {request.method} is not allowed at {path}: see /docs"
    return document(error.status_code, detail, headers=error.headers)


def _why_unusable(request: Request) -> str | None:
    """Return why the use case of a route is not served; None when it is, or has no folder."""
    _, root, name, *_ = [*request.url.path.split("/"), "", ""]
    fault = request.app.state.unusable(name) if root == "v1" else None
    return None if fault is None else f"the use case {name} can't be served: {fault}"


async def _parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = str(first["loc"][-1])
    value = first.get("input")
    rule = first["msg"]
    members = {"field": field, "value": value, "rule": rule}
    return document(422, f"{field}: {value!r}: {rule}", members)
