"""Refuse a request that starts a run of a Sixgate DAG with an unknown parameter.

Airflow itself accepts any key in a run's `conf`. Requests for other DAGs are passed on unchanged,
and unread if their path names the DAG.
"""

import json
from collections.abc import Callable, Collection
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.rules.use_case.run_parameters import kind_of_dag, why_run_refused

LARGEST_BODY = 2**20  # bytes
INVALID_BODY = b"[]"
NOT_ALLOWED = (401, 403, 404)
REFUSED = 422
TOO_LARGE = 413

# The paths that take a run's parameters by POST, with the key of the body that contains them.
ENDPOINTS = {
    "/api/v2/dags/{dag_id}/dagRuns": "conf",
    "/api/v2/backfills": "dag_run_conf",
    "/api/v2/backfills/dry_run": "dag_run_conf",
    "/api/v2/assets/{asset_id}/materialize": "conf",
    "/execution/dag-runs/{dag_id}/{run_id}": "conf",  # TriggerDagRunOperator
}


class RunParameters:
    """ASGI middleware; `producer_of` returns the DAG that materializes an asset."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        use_cases: Callable[[], Collection[str]],
        producer_of: Callable[[str], str | None],
    ) -> None:
        self._app = app
        self._use_cases = use_cases
        self._producer_of = producer_of
        # Airflow's own router matches paths with the same class, behind a base URL's path as well.
        self._routes = [Route(path, app, methods=["POST"]) for path in ENDPOINTS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        key, path_params = self._endpoint(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        dag_id = path_params.get("dag_id")
        if "asset_id" in path_params:
            dag_id = await run_in_threadpool(self._producer_of, path_params["asset_id"])
        named_in_path = "dag_id" in path_params or "asset_id" in path_params
        if named_in_path and self._kind(dag_id) is None:
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            detail = f"the request is larger than {LARGEST_BODY:,} bytes"
            await JSONResponse({"detail": detail}, TOO_LARGE)(scope, receive, send)
            return
        reason = self._why_refused(key, dag_id, body)
        if reason is None:
            await self._app(scope, _replay(body, receive), send)
        else:
            await self._refuse(reason, scope, receive, send)

    def _endpoint(self, scope: Scope) -> tuple[str | None, dict[str, str]]:
        """Return the key of the body that contains parameters, and the parameters of the path."""
        if scope["type"] == "http":
            for route in self._routes:
                match, child_scope = route.matches(scope)
                if match is Match.FULL:
                    return ENDPOINTS[route.path], child_scope["path_params"]
        return None, {}

    def _kind(self, dag_id: object) -> str | None:
        return kind_of_dag(dag_id, self._use_cases()) if isinstance(dag_id, str) else None

    def _why_refused(self, key: str, dag_id: str | None, body: bytes) -> str | None:
        try:
            content = json.loads(body)
        except ValueError:  # Airflow reports the error
            return None
        except RecursionError:
            return "the request is nested too deeply"
        if not isinstance(content, dict):
            return None
        kind = self._kind(content.get("dag_id") if dag_id is None else dag_id)
        parameters = content.get(key)
        if kind is None or not isinstance(parameters, dict):
            return None
        return why_run_refused(kind, parameters)

    async def _refuse(self, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the reason, unless this user may not start the run at all.

        To find out, the request is sent to Airflow with a body that no endpoint accepts, so that
        nothing is started.
        """
        response = await _response_of(self._app, _with_invalid_body(scope), receive)
        if response and response[0]["status"] in NOT_ALLOWED:
            for message in response:
                await send(message)
        else:
            await JSONResponse({"detail": reason}, REFUSED)(scope, receive, send)


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body; None if it exceeds LARGEST_BODY or the client has disconnected."""
    body = bytearray()
    too_large = False
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            too_large = True
            body.clear()  # the rest is received and dropped, so that the client can read the answer
        if not message.get("more_body", False):
            return None if too_large else bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a channel that yields the body that was already read, then further messages."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


def _with_invalid_body(scope: Scope) -> Scope:
    headers = MutableHeaders(raw=list(Headers(scope=scope).raw))
    headers["content-type"] = "application/json"
    headers["content-length"] = str(len(INVALID_BODY))
    return {**scope, "headers": headers.raw, "state": dict(scope.get("state", {}))}


async def _response_of(app: ASGIApp, scope: Scope, receive: Receive) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []

    async def keep(message: Message) -> None:
        messages.append(dict(message))

    await app(scope, _replay(INVALID_BODY, receive), keep)
    return messages
