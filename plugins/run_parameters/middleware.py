"""Refuse a request that starts a run of a Sixgate DAG with a parameter that the DAG does not take.

Airflow itself accepts any key in a run's `conf`. Requests about other DAGs are passed on unread
where their path names the DAG, and unchanged in any case.
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
REFUSED, TOO_LARGE = 422, 413


# The paths that take a run's parameters by POST, with the key of the body that holds them.
ENDPOINTS = {
    "/api/v2/dags/{dag_id}/dagRuns": "conf",
    "/api/v2/backfills": "dag_run_conf",
    "/api/v2/backfills/dry_run": "dag_run_conf",
    "/api/v2/assets/{asset_id}/materialize": "conf",
    "/execution/dag-runs/{dag_id}/{run_id}": "conf",  # TriggerDagRunOperator
}


class RunParameters:
    """An ASGI middleware. `producer_of` names the DAG that materializes an asset."""

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
        key, parts = self._endpoint(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        dag_id = parts.get("dag_id")
        if "asset_id" in parts:
            dag_id = await run_in_threadpool(self._producer_of, parts["asset_id"])
        named_in_path = "dag_id" in parts or "asset_id" in parts
        if named_in_path and self._kind(dag_id) is None:
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            why = f"the request is larger than {LARGEST_BODY:,} bytes"
            await JSONResponse({"detail": why}, TOO_LARGE)(scope, receive, send)
            return
        refused = self._why_refused(key, dag_id, body)
        if refused is None:
            await self._app(scope, _replay(body, receive), send)
        else:
            await self._refuse(refused, scope, receive, send)

    def _endpoint(self, scope: Scope) -> tuple[str | None, dict[str, str]]:
        """The key of the body that holds parameters, and the parts of the path that have a name."""
        if scope["type"] == "http":
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return ENDPOINTS[route.path], found["path_params"]
        return None, {}

    def _kind(self, dag_id: object) -> str | None:
        return kind_of_dag(dag_id, self._use_cases()) if isinstance(dag_id, str) else None

    def _why_refused(self, key: str, dag_id: str | None, body: bytes) -> str | None:
        try:
            content = json.loads(body)
        except ValueError:  # Airflow says what is wrong with it
            return None
        except RecursionError:
            return "the request is nested too deeply"
        if not isinstance(content, dict):
            return None
        kind = self._kind(content.get("dag_id") if dag_id is None else dag_id)
        given = content.get(key)
        if kind is None or not isinstance(given, dict):
            return None
        return why_run_refused(kind, given)

    async def _refuse(self, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the reason, unless Airflow would not let this person start the run at all.

        Airflow is asked with a body that no endpoint accepts, so it can't start anything.
        """
        answer = await _answer_to(self._app, _with_invalid_body(scope), receive)
        if answer and answer[0]["status"] in NOT_ALLOWED:
            for message in answer:
                await send(message)
        else:
            await JSONResponse({"detail": why}, REFUSED)(scope, receive, send)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when it is larger than is read here, or the client went away."""
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
    """Receive the body that was read already, then whatever else comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _with_invalid_body(scope: Scope) -> Scope:
    headers = MutableHeaders(raw=list(Headers(scope=scope).raw))
    headers["content-type"] = "application/json"
    headers["content-length"] = str(len(INVALID_BODY))
    return {**scope, "headers": headers.raw, "state": dict(scope.get("state", {}))}


async def _answer_to(app: ASGIApp, scope: Scope, receive: Receive) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []

    async def keep(message: Message) -> None:
        messages.append(dict(message))

    await app(scope, _replay(INVALID_BODY, receive), keep)
    return messages
