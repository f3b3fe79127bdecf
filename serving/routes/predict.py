"""The scoring routes: no Pydantic and no database, only msgspec, ONNX Runtime and the journal."""

from collections.abc import Awaitable

from fastapi import APIRouter

from serving.hot_path import HotEndpoint
from serving.openapi import IDEMPOTENCY, batch_name, documented, row_name
from serving.scoring import UseCaseScorer, encode
from serving.service import Service
from serving.wire.row_types import example
from serving.wire.schemas import PredictionOut, PredictionsOut


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """Create `/predict` and `/predict/batch`."""
    router = APIRouter()
    use_case = scorer.use_case
    row = example(scorer.contract)

    def predict(caller: str, body: bytes) -> Awaitable[bytes]:
        service.rate_limit.take(caller)
        return scorer.score_row(body)

    async def predict_batch(caller: str, body: bytes) -> bytes:
        state = scorer.state
        transactions = state.contracts.decoder.decode_batch(body)
        service.rate_limit.take(caller, len(transactions))
        return encode(PredictionsOut(await scorer.score_batch(state, transactions)))

    router.add_api_route(
        "/predict",
        HotEndpoint(predict, "predict", "Score one row.", once=True),
        methods=["POST"],
        operation_id=f"{use_case}_predict",
        summary="Score one row",
        **documented(
            {200: ("the prediction", PredictionOut)},
            problems=(413, 422, 429, 503),
            body=row_name(use_case),
            parameters=[IDEMPOTENCY],
            example=row,
        ),
    )
    router.add_api_route(
        "/predict/batch",
        HotEndpoint(
            predict_batch,
            "predict",
            "Score up to 1,000 rows in one request; one invalid row refuses all of them.",
            once=True,
        ),
        methods=["POST"],
        operation_id=f"{use_case}_predict_batch",
        summary="Score up to 1,000 rows",
        **documented(
            {200: ("the predictions, in the order of the rows", PredictionsOut)},
            problems=(413, 422, 429, 503),
            body=batch_name(use_case),
            parameters=[IDEMPOTENCY],
            example={"rows": [row]},
        ),
    )
    return router
