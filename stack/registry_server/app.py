"""`mlflow server --app-name sixgate`: MLflow's basic-auth app, its accounts, and the rules of `access` before it."""

import asyncio
import base64
import binascii
import configparser
import json
import os
import posixpath
import re
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from stack.registry_server import access

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

UPLOAD = re.compile(access.API.pattern + r"mlflow-artifacts/artifacts/(?P<file>.+)")
PASSWORDS = {
    access.STEPS: "SIXGATE_MLFLOW_STEPS_PASSWORD",
    access.SERVER: "SIXGATE_MLFLOW_SERVER_PASSWORD",
}


def create_app() -> Application:
    """Build MLflow's app with accounts and location checks, behind the guard. `mlflow server` calls it in its worker."""
    from flask import request
    from mlflow.server import app as flask_app
    from mlflow.server.handlers import catch_mlflow_exception
    from starlette.middleware import Middleware

    auth = _auth()
    fastapi_app = auth.create_app(flask_app)
    _ensure_accounts(auth)
    # After MLflow's own check of the password, so that nobody learns anything without one.
    flask_app.before_request(catch_mlflow_exception(lambda: _refuse_location(request)))
    fastapi_app.user_middleware.append(
        Middleware(WriteOnce)
    )  # the innermost: the password has been checked
    return RouteGuard(fastapi_app)


class RouteGuard:
    """ASGI: refuses what `access` refuses, before MLflow sees it."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 with the reason, or pass the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        why = "there is no WebSocket here" if scope["type"] != "http" else self._refused(scope)
        if why is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _forbid(send, why)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refused(self, scope: Scope) -> str | None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        repeated = [
            name.decode()
            for name in (b"authorization", b"host", b"origin")
            if len(headers.get(name, ())) > 1
        ]
        if repeated:
            return f"header {repeated[0]} is sent twice"
        authorization = _text(headers, b"authorization")
        if authorization is not None and not is_basic(authorization):
            return "sign in with user and password: Authorization: Basic …"
        path = scope["path"]
        foreign = access.foreign(
            origin=_text(headers, b"origin"),
            fetch_site=_text(headers, b"sec-fetch-site"),
            host=_text(headers, b"host"),
            path=path,
        )
        return foreign or access.refused(account_of(authorization), scope["method"], path)


class WriteOnce:
    """ASGI: refuses a file of a model that is there already or on its way, with its path read as MLflow reads it.

    MLflow lays a file down when its last byte has come. What is on its way is remembered here: there is one worker.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._coming: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 with the reason, or pass the request on."""
        found = (
            UPLOAD.fullmatch(scope["path"])
            if scope["type"] == "http" and scope["method"] == "PUT"
            else None
        )
        file = _plain(found["file"]) if found else None
        why = file and access.overwrite_refused(account_of(_authorization(scope)), file)
        if not file or not why:
            await self._app(scope, receive, send)
        elif file in self._coming:
            await _forbid(send, why)
        else:
            self._coming.add(file)
            try:
                if await asyncio.to_thread(_is_there, file):
                    await _forbid(send, why)
                else:
                    await self._app(scope, receive, send)
            finally:
                self._coming.discard(file)


def _plain(path: str) -> str | None:
    """An artifact's path as MLflow reads it; None when MLflow refuses it."""
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import validate_path_is_safe

    try:
        return posixpath.normpath(str(validate_path_is_safe(path)))
    except MlflowException:
        return None


def _is_there(file: str) -> bool:
    from mlflow.server.handlers import _get_artifact_repo_mlflow_artifacts

    beside = _get_artifact_repo_mlflow_artifacts().list_artifacts(posixpath.dirname(file))
    return file in {posixpath.normpath(each.path) for each in beside}


def _authorization(scope: Scope) -> str:
    return str(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1"))


def is_basic(authorization: str) -> bool:
    """Whether a header is a Basic one that MLflow can read; it answers 500 to some others."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        return (
            scheme.lower() == "basic" and ":" in base64.b64decode(encoded, validate=True).decode()
        )
    except (ValueError, UnicodeDecodeError):
        return False


def account_of(authorization: str | None) -> str | None:
    """The name that a Basic `Authorization` header claims; None without one. The password is MLflow's to check."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _auth() -> Any:
    """MLflow's auth module, which reads its configuration from a file when it is imported, and never again."""
    from mlflow.server.constants import BACKEND_STORE_URI_ENV_VAR

    config = configparser.RawConfigParser()
    config["mlflow"] = {
        "default_permission": "READ",
        "database_uri": os.environ[BACKEND_STORE_URI_ENV_VAR].replace("%", "%%"),
        "auth_cache_ttl_seconds": "300",  # a password check costs some 50 ms, and there is one worker
    }
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:  # mode 0600
        config.write(file)
        file.flush()
        os.environ["MLFLOW_AUTH_CONFIG_PATH"] = file.name
        from mlflow.server import auth
    return auth


def _ensure_accounts(auth: Any) -> None:
    """Create the accounts of steps and server, or give them the passwords of this environment.

    The admin account is MLflow's to create. Steps manage what was made before there were accounts, or by the admin.
    """
    from mlflow.server.auth.permissions import MANAGE
    from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store

    for name, variable in {
        auth.auth_config.admin_username: "MLFLOW_AUTH_ADMIN_PASSWORD",
        **PASSWORDS,
    }.items():
        password = os.environ[variable]
        if not auth.store.has_user(name):
            auth.store.create_user(name, password)
        elif not auth.store.authenticate_user(name, password):
            auth.store.update_user(name, password=password)
    for experiment in _get_tracking_store().search_experiments(max_results=1000):
        auth.store.grant_user_permission(
            access.STEPS, "experiment", experiment.experiment_id, MANAGE.name
        )
    for model in _get_model_registry_store().search_registered_models(max_results=1000):
        auth.store.grant_user_permission(access.STEPS, "registered_model", model.name, MANAGE.name)


def _refuse_location(request: Any) -> tuple[str, int] | None:
    """400 for an experiment or a version that names a place outside the configured store, read as MLflow reads it."""
    from mlflow.protos.model_registry_pb2 import CreateModelVersion
    from mlflow.protos.service_pb2 import CreateExperiment
    from mlflow.server.handlers import _get_request_message

    why = None
    if request.path.endswith("/mlflow/experiments/create"):
        why = access.location_refused(
            _get_request_message(CreateExperiment(), request).artifact_location
        )
    elif request.path.endswith("/mlflow/model-versions/create"):
        why = access.source_refused(_get_request_message(CreateModelVersion(), request).source)
    return None if why is None else (_problem(why, "INVALID_PARAMETER_VALUE"), 400)


def _text(headers: dict[bytes, list[bytes]], name: bytes) -> str | None:
    return headers[name][0].decode("latin-1") if name in headers else None


async def _forbid(send: Send, why: str) -> None:
    body = _problem(why, "PERMISSION_DENIED").encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem(why: str, code: str) -> str:
    """An error as MLflow's client reads it."""
    return json.dumps({"error_code": code, "message": why})
