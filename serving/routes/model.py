"""What serves now."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.openapi import documented
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire.schemas import ModelOut


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """`/model`."""
    router = APIRouter()

    @router.get(
        "/model",
        operation_id=f"{scorer.use_case}_model",
        summary="What serves",
        **documented({200: ("the model that serves", ModelOut)}, 503),
    )
    async def model(request: Request) -> Response:
        """Say which model serves on this replica, and since when."""
        service.require(request, "read")
        serving = scorer.serving()
        bundle = serving.bundle
        answer = ModelOut(
            scorer.use_case,
            serving.served.version,
            serving.served.digest,
            bundle.kind,
            bundle.threshold,
            bundle.contract_hash,
            serving.loaded_at,
            bundle.columns,
        )
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router
