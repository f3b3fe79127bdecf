"""The route that looks a prediction up."""

from uuid import UUID

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from pipelines.records import Prediction
from pipelines.rules.explanation.reason_codes import named
from pipelines.rules.use_case.contract import Contract
from pipelines.stores.database import connect
from pipelines.stores.models import ModelStore
from serving.journal.lookup import find
from serving.openapi import documented
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire.schemas import LoggedPredictionOut


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """Create `/predictions/{prediction_id}`."""
    router = APIRouter()

    @router.get(
        "/predictions/{prediction_id}",
        operation_id=f"{scorer.use_case}_prediction",
        summary="Look a prediction up",
        **documented({200: ("the prediction", LoggedPredictionOut)}, problems=(404, 422, 503)),
    )
    def prediction(prediction_id: UUID, request: Request) -> Response:
        """Return a prediction: the row that was sent, the result, and the model version."""
        service.require(request, "read")
        with connect(service.settings) as connection:
            prediction, logged = find(
                connection=connection,
                journal=service.journal,
                use_case=scorer.use_case,
                prediction_id=prediction_id,
            )
            models = ModelStore(connection)
            contract = models.contract(prediction.contract_hash, scorer.contract)
        answer = logged_prediction(contract, prediction, logged=logged)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router


def logged_prediction(
    contract: Contract, prediction: Prediction, *, logged: bool
) -> LoggedPredictionOut:
    """Convert a prediction, with its features by name."""
    return LoggedPredictionOut(
        prediction_id=prediction.prediction_id,
        transaction_id=prediction.transaction_id,
        entity_key=prediction.entity_key,
        event_time=prediction.event_time,
        scored_at=prediction.scored_at,
        score=prediction.score,
        predicted_label=prediction.predicted_label,
        threshold=prediction.threshold,
        model_version=prediction.model_version,
        contract_hash=prediction.contract_hash,
        replica=prediction.replica,
        logged=logged,
        features=named(contract, prediction.contract_hash, prediction.features),
    )
