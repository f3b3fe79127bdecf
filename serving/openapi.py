"""The OpenAPI page: request bodies from the contracts, answers from the messages."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.scoring import UseCaseScorer
from serving.wire.api_keys import HEADER
from serving.wire.problems import MEDIA_TYPE
from serving.wire.request_decoding import class_name
from serving.wire.schemas import (
    ExplainedOut,
    ExplanationOut,
    LabelReceiptOut,
    LabelsIn,
    LiveAlert,
    LiveHello,
    LiveMissed,
    LivePrediction,
    LiveReload,
    LoggedPredictionOut,
    ModelOut,
    PredictionOut,
    PredictionsOut,
    ProblemOut,
)

LIVE = (LiveHello, LivePrediction, LiveReload, LiveAlert, LiveMissed)
MESSAGES = (
    PredictionOut,
    PredictionsOut,
    ExplainedOut,
    ExplanationOut,
    ModelOut,
    LoggedPredictionOut,
    ProblemOut,
    LabelReceiptOut,
    LabelsIn,
    *LIVE,
)
PROBLEMS = {
    401: "no key was sent",
    403: "the key is wrong, or lacks the scope",
    404: "there is no such thing",
    413: "the body is too large",
    422: "a value breaks its rule; field, value and rule are named",
    429: "the key asked for too much; Retry-After says when to come back",
    501: "this server is not made for it",
    503: "not possible now; Retry-After says when to ask again",
}


def install(app: FastAPI, scorers: Sequence[UseCaseScorer]) -> None:
    """Make `/openapi.json` complete: schemas that the routes refer to, and how to send the key."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _schema(app, scorers)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def documented(
    answers: Mapping[int, tuple[str, type[msgspec.Struct]]],
    *problems: int,
    body: str | None = None,
    example: Any = None,
) -> dict[str, Any]:
    """Arguments for a route: what it answers, how it refuses, and the name of its body's schema with an example of it."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": words, "content": _content(kind.__name__)}
        for status, (words, kind) in answers.items()
    }
    for status in (401, 403, *problems):
        responses[status] = {
            "description": PROBLEMS[status],
            "content": _content("ProblemOut", MEDIA_TYPE),
        }
    extra: dict[str, Any] = {"security": [{HEADER: []}]}
    if body:
        content = {kind: {**given, "example": example} for kind, given in _content(body).items()}
        extra["requestBody"] = {"required": True, "content": content}
    return {"responses": responses, "openapi_extra": extra, "response_model": None}


def row_name(use_case: str) -> str:
    """The schema of one row."""
    return f"{class_name(use_case)}Transaction"


def batch_name(use_case: str) -> str:
    """The schema of a batch."""
    return f"{class_name(use_case)}Batch"


def _content(name: str, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _schema(app: FastAPI, scorers: Sequence[UseCaseScorer]) -> dict[str, Any]:
    page = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    types = [*MESSAGES, *(scorer.intake.batch_type for scorer in scorers)]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    components = page.setdefault("components", {})
    components["schemas"] = dict(sorted({**components.get("schemas", {}), **schemas}.items()))
    components["securitySchemes"] = {HEADER: {"type": "apiKey", "in": "header", "name": HEADER}}
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return page
