"""The app of `mlflow server --app-name sixgate`.

It is MLflow's basic-auth app with Sixgate's accounts, behind the rules of `access`.
"""

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
    """Return MLflow's app with accounts and location checks, behind RouteGuard.

    `mlflow server` calls this in its worker.
    """
    from flask import request
    from mlflow.server import app as flask_app
    from mlflow.server.handlers import catch_mlflow_exception
    from starlette.middleware import Middleware

    auth = _auth()
    fastapi_app = auth.create_app(flask_app)
    _ensure_accounts(auth)
    # It runs after MLflow has checked the password, so that its answers reveal nothing without one.
    flask_app.before_request(catch_mlflow_exception(lambda: _refuse_location(request)))
    # Innermost middleware: MLflow has checked the password by then.
    fastapi_app.user_middleware.append(Middleware(WriteOnce))
    return RouteGuard(fastapi_app)


class RouteGuard:
    """ASGI middleware that refuses requests by the rules of `access`, before MLflow gets them."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 with the reason, or pass the request on. WebSockets are always closed."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif reason := self._refused(scope):
            await _forbid(send, reason)
        else:
            await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> str | None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        for name in (b"authorization", b"host", b"origin"):
            if len(headers.get(name, ())) > 1:
                return f"header {name.decode()} is sent twice"
        authorization = _text(headers, b"authorization")
        if authorization is not None and not is_basic(authorization):
            return "sign in with a user name and a password: Authorization: Basic …"
        path = scope["path"]
        foreign = access.foreign(
            origin=_text(headers, b"origin"),
            fetch_site=_text(headers, b"sec-fetch-site"),
            host=_text(headers, b"host"),
            path=path,
        )
        return foreign or access.refused(account_of(authorization), scope["method"], path)


class WriteOnce:
    """ASGI middleware that refuses a model's file that exists or is being uploaded.

    Paths are normalised as MLflow does it. MLflow stores a file when its last byte has arrived, so
    uploads in progress are kept here. That is enough because the server has one worker.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._uploading: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 with the reason, or pass the request on."""
        file = _uploaded_file(scope)
        reason = file and access.overwrite_refused(account_of(_authorization(scope)), file)
        if not file or not reason:
            await self._app(scope, receive, send)
        elif file in self._uploading:
            await _forbid(send, reason)
        else:
            self._uploading.add(file)
            try:
                if await asyncio.to_thread(_exists, file):
                    await _forbid(send, reason)
                else:
                    await self._app(scope, receive, send)
            finally:
                self._uploading.discard(file)


def _uploaded_file(scope: Scope) -> str | None:
    """Return the normalised path of the artifact that a request uploads, or None."""
    if scope["type"] != "http" or scope["method"] != "PUT":
        return None
    route = UPLOAD.fullmatch(scope["path"])
    return _normalised(route["file"]) if route else None


def _normalised(path: str) -> str | None:
    """Return an artifact's path as MLflow normalises it; None if MLflow refuses it."""
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import validate_path_is_safe

    try:
        return posixpath.normpath(str(validate_path_is_safe(path)))
    except MlflowException:
        return None


def _exists(file: str) -> bool:
    from mlflow.server.handlers import _get_artifact_repo_mlflow_artifacts

    siblings = _get_artifact_repo_mlflow_artifacts().list_artifacts(posixpath.dirname(file))
    return file in {posixpath.normpath(artifact.path) for artifact in siblings}


def _authorization(scope: Scope) -> str:
    return str(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1"))


def is_basic(authorization: str) -> bool:
    """Return whether a header is a Basic one that MLflow can read; it answers others with 500."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        credentials = base64.b64decode(encoded, validate=True).decode()
    except (ValueError, UnicodeDecodeError):
        return False
    return ":" in credentials


def account_of(authorization: str | None) -> str | None:
    """Return the user name in a Basic `Authorization` header; None if there is none.

    The password is not checked here: MLflow does that.
    """
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        credentials = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return credentials.partition(":")[0] or None


def _auth() -> Any:
    """Import MLflow's auth module, which reads its configuration file only when it is imported."""
    from mlflow.server.constants import BACKEND_STORE_URI_ENV_VAR

    config = configparser.RawConfigParser()
    config["mlflow"] = {
        "default_permission": "READ",
        "database_uri": os.environ[BACKEND_STORE_URI_ENV_VAR].replace("%", "%%"),
        # A password check takes about 50 ms, and there is one worker.
        "auth_cache_ttl_seconds": "300",
    }
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:  # mode 0600
        config.write(file)
        file.flush()
        os.environ["MLFLOW_AUTH_CONFIG_PATH"] = file.name
        from mlflow.server import auth
    return auth


def _ensure_accounts(auth: Any) -> None:
    """Create the accounts of steps and server, or set their passwords to those of this environment.

    MLflow itself creates the admin account. The steps may manage experiments and models that the
    admin created or that are older than the accounts.
    """
    from mlflow.server.auth.permissions import MANAGE
    from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store

    admin = auth.auth_config.admin_username
    variables = {admin: "MLFLOW_AUTH_ADMIN_PASSWORD", **PASSWORDS}
    for name, variable in variables.items():
        password = os.environ[variable]
        if not auth.store.has_user(name):
            auth.store.create_user(name, password)
        elif not auth.store.authenticate_user(name, password):
            auth.store.update_user(name, password=password)
    grant = auth.store.grant_user_permission
    for experiment in _get_tracking_store().search_experiments(max_results=1000):
        grant(access.STEPS, "experiment", experiment.experiment_id, MANAGE.name)
    for model in _get_model_registry_store().search_registered_models(max_results=1000):
        grant(access.STEPS, "registered_model", model.name, MANAGE.name)


def _refuse_location(request: Any) -> tuple[str, int] | None:
    """Return a 400 response to an experiment or version with files outside the configured store.

    The request is parsed as MLflow parses it.
    """
    from mlflow.protos.model_registry_pb2 import CreateModelVersion
    from mlflow.protos.service_pb2 import CreateExperiment
    from mlflow.server.handlers import _get_request_message

    reason = None
    if request.path.endswith("/mlflow/experiments/create"):
        experiment = _get_request_message(CreateExperiment(), request)
        reason = access.location_refused(experiment.artifact_location)
    elif request.path.endswith("/mlflow/model-versions/create"):
        version = _get_request_message(CreateModelVersion(), request)
        reason = access.source_refused(version.source)
    return None if reason is None else (_problem(reason, "INVALID_PARAMETER_VALUE"), 400)


def _text(headers: dict[bytes, list[bytes]], name: bytes) -> str | None:
    return headers[name][0].decode("latin-1") if name in headers else None


async def _forbid(send: Send, reason: str) -> None:
    body = _problem(reason, "PERMISSION_DENIED").encode()
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem(message: str, code: str) -> str:
    """Return an error in the JSON format that MLflow's client reads."""
    return json.dumps({"error_code": code, "message": message})
