"""Scoring. No Pydantic and no database on this way: msgspec in, ONNX Runtime, journal, msgspec out."""

from collections.abc import Awaitable

from fastapi import APIRouter

from serving.hot_path import Hot
from serving.openapi import batch_name, documented, row_name
from serving.scoring import UseCaseScorer, encode
from serving.service import Service
from serving.wire.request_decoding import example
from serving.wire.schemas import PredictionOut, PredictionsOut


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """`/predict` and `/predict/batch`."""
    router = APIRouter()
    name, row = scorer.use_case, example(scorer.contract)

    def predict(caller: str, body: bytes) -> Awaitable[bytes]:
        service.rate.take(caller)
        return scorer.one(body)

    async def predict_batch(caller: str, body: bytes) -> bytes:
        transactions = scorer.intake.many(body)
        service.rate.take(caller, len(transactions))
        return encode(PredictionsOut(await scorer.many(transactions)))

    router.add_api_route(
        "/predict",
        Hot(predict, "predict", "Score one row."),
        methods=["POST"],
        operation_id=f"{name}_predict",
        summary="Score one row",
        **documented(
            {200: ("the prediction", PredictionOut)},
            413,
            422,
            429,
            503,
            body=row_name(name),
            example=row,
        ),
    )
    router.add_api_route(
        "/predict/batch",
        Hot(predict_batch, "predict", "Score up to 1,000 rows at once; one bad row refuses them all."),
        methods=["POST"],
        operation_id=f"{name}_predict_batch",
        summary="Score up to 1,000 rows",
        **documented(
            {200: ("the predictions, in the rows' order", PredictionsOut)}, 413, 422, 429, 503, body=batch_name(name),
            example={"rows": [row]},
        ),
    )  # fmt: skip
    return router
