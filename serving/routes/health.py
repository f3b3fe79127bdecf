"""Liveness, readiness and metrics; these routes need no API key."""

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.use_cases import UseCases
from serving.wire.problems import document

NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"description": "a Production model is not loaded, none is, or the journal is full"}
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
        """200 once every Production model is loaded and the journal accepts predictions.

        `without_model` lists the use cases that have no model. Those of them that no version of is
        in Production are in `not_in_production`; the server is ready without them once another one
        has a model. `contracts` has the hash of each contract in force. `faults` lists what is
        wrong with the folders of use cases, whether the server is ready or not.
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
    if service.journal.full:
        return document(
            503, "the journal is full: predictions are accepted again once it is shipped"
        )
    use_cases = service.use_cases
    scorers = {scorer.use_case: scorer for scorer in service.scorers}
    models = {name: scorer.model for name, scorer in scorers.items()}
    versions = {name: model.served.version for name, model in models.items() if model}
    without = [name for name in use_cases.names if name not in versions]
    members = {
        "models": versions,
        "without_model": without,
        "not_in_production": [name for name in without if not _may_have_model(use_cases, name)],
        "contracts": {name: scorer.state.contracts.hash for name, scorer in scorers.items()},
        "faults": {name: str(fault) for name, fault in service.faults.items()},
    }
    missing = [name for name in without if _is_missed(use_cases, name)]
    if versions and not missing:
        return JSONResponse({"status": "ready", **members})
    missing = missing or without
    reasons = {_why_missing(scorers.get(name)) for name in missing}
    names = ", ".join(missing) or "any use case"
    why = "; ".join(sorted(reasons)) or "see faults"
    return document(503, f"no model is loaded for {names}: {why}", members)


def _may_have_model(use_cases: UseCases, name: str) -> bool:
    """Whether a version is in Production; also true before the ledger was read."""
    scorer = use_cases.scorer(name)
    known = use_cases.in_production.get(name) if scorer is None else scorer.in_production
    return known is not False


def _is_missed(use_cases: UseCases, name: str) -> bool:
    """Whether a use case without a model keeps the server from being ready.

    One of the start does unless no version is in Production. One that was taken up later does only
    when its Production model can't be loaded.
    """
    scorer = use_cases.scorer(name)
    if scorer is None or name in use_cases.started_with:
        return _may_have_model(use_cases, name)
    return scorer.in_production is True and scorer.error is not None


def _why_missing(scorer: UseCaseScorer | None) -> str:
    return scorer.why_no_model() if scorer else "see faults"
