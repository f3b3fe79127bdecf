"""The route that describes the model in service."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.openapi import documented
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire.schemas import ModelOut


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """Create `/model`."""
    router = APIRouter()

    @router.get(
        "/model",
        operation_id=f"{scorer.use_case}_model",
        summary="Describe the model in service",
        **documented({200: ("the model in service", ModelOut)}, problems=(503,)),
    )
    async def model(request: Request) -> Response:
        """Describe the model in service on this replica, and when it was loaded."""
        service.require(request, "read")
        serving = scorer.serving()
        bundle = serving.bundle
        answer = ModelOut(
            use_case=scorer.use_case,
            version=serving.served.version,
            digest=serving.served.digest,
            kind=bundle.kind,
            threshold=bundle.threshold,
            contract_hash=bundle.contract_hash,
            loaded_at=serving.loaded_at,
            columns=bundle.columns,
        )
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router
