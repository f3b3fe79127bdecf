"""Liveness, readiness and metrics; these routes need no API key."""

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pipelines.errors import UseCaseError
from serving.service import Service
from serving.wire.problems import Problem, document

NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"description": "a use case has no model, or the journal is full"}
}


def routes(service: Service) -> APIRouter:
    """Create `/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter()

    @router.get("/healthz", summary="Liveness")
    async def healthz() -> Response:
        """Always 200: the process answers."""
        return JSONResponse({"status": "alive", "replica": service.replica})

    @router.get("/readyz", summary="Readiness", responses=NOT_READY)
    async def readyz() -> Response:
        """200 once every use case has a model and the journal accepts predictions.

        `contracts` has the hash of each contract in force. `faults` lists what is wrong with the
        folders of use cases, whether the server is ready or not.
        """
        return readiness(service)

    @router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Metrics in Prometheus' text format.

        With several workers, each of them returns the metrics of all; the label `worker` tells them
        apart.
        """
        source = service.snapshots or service.metrics
        return Response(source.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def readiness(service: Service) -> Response:
    """Return the answer of `/readyz`."""
    models = {
        scorer.use_case: scorer.model.served.version for scorer in service.scorers if scorer.model
    }
    missing = [name for name in service.use_cases if name not in models]
    members = {
        "models": models,
        "without_model": missing,
        "contracts": {scorer.use_case: scorer.state.contracts.hash for scorer in service.scorers},
        "faults": {name: str(fault) for name, fault in service.faults.items()},
    }
    if service.journal.full:
        return document(
            503, "the journal is full: predictions are accepted again once it is shipped"
        )
    if missing or not models:
        names = ", ".join(missing) or "any use case"
        reasons = {scorer.why_no_model() for scorer in service.scorers if not scorer.model}
        why = "; ".join(sorted(reasons)) or "see faults"
        return document(503, f"no model is loaded for {names}: {why}", members)
    return JSONResponse({"status": "ready", **members})


def unusable(use_case: str, fault: UseCaseError) -> APIRouter:
    """Create the routes of a use case whose contract is invalid: they answer 503."""
    router = APIRouter()

    @router.api_route("/{path:path}", methods=["GET", "POST"], include_in_schema=False)
    async def refuse(path: str) -> Response:
        raise Problem(503, f"the use case {use_case} can't be served: {fault}")

    return router
