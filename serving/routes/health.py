"""Whether the server lives, is of use, and how it does; no key is needed."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pipelines.errors import UseCaseError
from serving.service import Service
from serving.wire.problems import Problem, document


def routes(service: Service) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter()

    @router.get("/healthz", summary="Is the process alive")
    async def healthz() -> Response:
        """Always 200: the process answers."""
        return JSONResponse({"status": "alive", "replica": service.replica})

    @router.get(
        "/readyz",
        summary="May traffic be sent here",
        responses={503: {"description": "a use case has no model, or the journal is full"}},
    )
    async def readyz() -> Response:
        """200 once every use case has a model and the journal accepts; what is wrong with a folder is listed either way."""
        models = {
            scorer.use_case: scorer.model.served.version
            for scorer in service.scorers
            if scorer.model
        }
        missing = [name for name in service.use_cases if name not in models]
        lacks = {
            "without_model": missing,
            "faults": {name: str(fault) for name, fault in service.faults.items()},
        }
        if service.journal.full:
            return document(
                503, "the journal is full: it accepts answers again once they are shipped"
            )
        if missing or not models:
            detail = f"no model is loaded for {', '.join(missing) or 'any use case'}: train and promote one"
            return document(503, detail, {"models": models, **lacks})
        return JSONResponse({"status": "ready", "models": models, **lacks})

    @router.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
    def metrics() -> Response:
        """In Prometheus' text format; with several workers, any of them shows all, told apart by the label `worker`."""
        source = service.snapshots or service.metrics
        return Response(source.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def unusable(use_case: str, fault: UseCaseError) -> APIRouter:
    """What answers in place of a use case whose contract can't be used; the others are served."""
    router = APIRouter()

    @router.api_route("/{path:path}", methods=["GET", "POST"], include_in_schema=False)
    async def refuse(path: str) -> Response:
        raise Problem(503, f"{use_case} can't be served: {fault}")

    return router
