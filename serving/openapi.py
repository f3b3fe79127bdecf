"""The OpenAPI document: request bodies from the contracts, responses from the wire schemas."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipelines.rules.use_case.contract import Contract
from serving.scoring import UseCaseScorer
from serving.wire.api_keys import HEADER
from serving.wire.problems import MEDIA_TYPE
from serving.wire.row_types import class_name, example
from serving.wire.schemas import (
    ExplainedOut,
    ExplanationOut,
    LabelReceiptOut,
    LabelsIn,
    LiveAlert,
    LiveContract,
    LiveHello,
    LiveMissed,
    LivePrediction,
    LiveReload,
    LoggedPredictionOut,
    ModelOut,
    PredictionOut,
    PredictionsOut,
    ProblemOut,
    ScoringJobOut,
)

LIVE = (LiveHello, LivePrediction, LiveReload, LiveContract, LiveAlert, LiveMissed)
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
    ScoringJobOut,
    *LIVE,
)
PROBLEMS = {
    401: "no API key was sent",
    403: "the API key is unknown, or lacks the required scope",
    404: "the route, use case or prediction does not exist",
    409: "the job has no result, or not yet",
    413: "the body is too large",
    415: "the content type is not one that can be scored",
    422: "a value breaks a rule; `field`, `value` and `rule` name them",
    429: "the API key exceeded its rate limit; Retry-After gives the seconds to wait",
    501: "this server lacks an optional dependency that the request needs",
    503: "not available now; Retry-After gives the seconds to wait",
}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Requests of an API key with the same value within an hour get the first answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
REF_TEMPLATE = "#/components/schemas/{name}"


def install(app: FastAPI, scorers: Sequence[UseCaseScorer]) -> None:
    """Add the schemas that the routes refer to, and the API key scheme, to `/openapi.json`."""

    written_for: list[Contract] = []

    def openapi() -> dict[str, Any]:
        contracts = [scorer.contract for scorer in scorers]
        if app.openapi_schema is None or contracts != written_for:
            app.openapi_schema = _schema(app, scorers)
            written_for[:] = contracts
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def documented(
    answers: Mapping[int, tuple[str, type[msgspec.Struct]]],
    *,
    problems: Sequence[int],
    body: str | None = None,
    example: Any = None,
    parameters: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the arguments that document a route.

    `answers` maps each status to its description and schema. `problems` are the statuses of
    problem documents besides 401 and 403. `body` names the schema of the request body.
    `parameters` are OpenAPI objects, such as that of a header.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    for status, (description, kind) in answers.items():
        content = _content(kind.__name__)
        responses[status] = {"description": description, "content": content}
    for status in (401, 403, *problems):
        content = _content("ProblemOut", MEDIA_TYPE)
        responses[status] = {"description": PROBLEMS[status], "content": content}
    extra: dict[str, Any] = {"security": [{HEADER: []}]}
    if parameters:
        extra["parameters"] = list(parameters)
    if body:
        extra["requestBody"] = {"required": True, "content": _content(body, example=example)}
    return {"responses": responses, "openapi_extra": extra, "response_model": None}


def row_name(use_case: str) -> str:
    """Return the name of the schema of one row."""
    return f"{class_name(use_case)}Transaction"


def batch_name(use_case: str) -> str:
    """Return the name of the schema of a batch."""
    return f"{class_name(use_case)}Batch"


def _content(name: str, media_type: str = "application/json", **members: Any) -> dict[str, Any]:
    schema = {"$ref": REF_TEMPLATE.format(name=name)}
    return {media_type: {"schema": schema, **members}}


def _schema(app: FastAPI, scorers: Sequence[UseCaseScorer]) -> dict[str, Any]:
    page = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    batch_types = [scorer.state.contracts.decoder.batch_type for scorer in scorers]
    types = [*MESSAGES, *batch_types]
    _, schemas = msgspec.json.schema_components(types, ref_template=REF_TEMPLATE)
    components = page.setdefault("components", {})
    schemas = {**components.get("schemas", {}), **schemas}
    for fastapi_default in ("HTTPValidationError", "ValidationError"):
        schemas.pop(fastapi_default, None)
    components["schemas"] = dict(sorted(schemas.items()))
    for scorer in scorers:
        _follow_contract(page["paths"], scorer.contract)
    components["securitySchemes"] = {HEADER: {"type": "apiKey", "in": "header", "name": HEADER}}
    return page


def _follow_contract(paths: dict[str, Any], contract: Contract) -> None:
    """Write the title and the examples of the current contract: routes keep those of the start."""
    root = f"/v1/{contract.use_case}/"
    row = example(contract)
    examples = {"predict": row, "explain": row, "predict/batch": {"rows": [row]}}
    for path, operations in paths.items():
        if not path.startswith(root):
            continue
        for operation in operations.values():
            operation["tags"] = [contract.title]
            if path.removeprefix(root) in examples:
                content = operation["requestBody"]["content"]["application/json"]
                content["example"] = examples[path.removeprefix(root)]
