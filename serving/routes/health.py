"""Whether the server lives, is of use, and how it does; no key is needed."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from serving.problems import document
from serving.service import Service


def routes(service: Service) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Response:
        """Always 200: the process answers."""
        return JSONResponse({"status": "alive", "replica": service.replica})

    @router.get("/readyz", responses={503: {"description": "no model is loaded, or the journal is full"}})
    async def readyz() -> Response:
        """200 once a model is loaded and the journal accepts; use cases without a model are listed either way."""
        models = {scorer.use_case: scorer.model.served.version for scorer in service.scorers if scorer.model}
        missing = [scorer.use_case for scorer in service.scorers if scorer.model is None]
        if service.journal.full:
            return document(503, "the journal is full: it accepts answers again once they are shipped")
        if not models:
            return document(503, f"no model is loaded for {', '.join(missing)}", {"without_model": missing})
        return JSONResponse({"status": "ready", "models": models, "without_model": missing})

    @router.get("/metrics")
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
