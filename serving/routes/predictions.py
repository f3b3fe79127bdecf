"""Predictions, looked up again."""

from uuid import UUID

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from pipelines.rules.explanation.reason_codes import named
from pipelines.stores.database import connect
from serving.journal.lookup import find
from serving.openapi import documented
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire.schemas import LoggedPredictionOut


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """`/predictions/{prediction_id}`."""
    router = APIRouter()

    @router.get(
        "/predictions/{prediction_id}",
        operation_id=f"{scorer.use_case}_prediction",
        summary="Look a prediction up",
        **documented({200: ("the prediction", LoggedPredictionOut)}, 404, 422, 503),
    )
    def prediction(prediction_id: UUID, request: Request) -> Response:
        """Look a prediction up: what was sent, what was answered, by which model."""
        service.require(request, "read")
        with connect(service.settings) as connection:
            found, logged = find(connection, service.journal, scorer.use_case, prediction_id)
        fields = {
            name: getattr(found, name)
            for name in LoggedPredictionOut.__struct_fields__
            if hasattr(found, name)
        }
        features = named(scorer.contract, found.contract_hash, found.features)
        answer = LoggedPredictionOut(**{**fields, "logged": logged, "features": features})
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router
