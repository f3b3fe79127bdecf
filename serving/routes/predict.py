"""Scoring. No Pydantic and no database on this way: msgspec in, ONNX Runtime, journal, msgspec out."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from serving.intake import example
from serving.messages import Answer, Answers
from serving.openapi import batch_name, documented, row_name
from serving.scoring import Scorer
from serving.service import Service, read_body


class Direct(APIRoute):
    """A route whose endpoint takes the request as it is: FastAPI documents it, and resolves nothing for it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint itself."""
        return self.endpoint


def routes(service: Service, scorer: Scorer) -> APIRouter:
    """`/predict` and `/predict/batch`."""
    router = APIRouter(route_class=Direct)
    encode = msgspec.json.Encoder().encode
    name, row = scorer.use_case, example(scorer.contract)

    @router.post(
        "/predict",
        operation_id=f"{name}_predict",
        summary="Score one row",
        **documented({200: ("the prediction", Answer)}, 413, 422, 503, body=row_name(name), example=row),
    )
    async def predict(request: Request) -> Response:
        """Score one row."""
        service.require(request, "predict")
        transaction = scorer.intake.one(await read_body(request))
        answers = await scorer.answer([transaction])
        return Response(encode(answers[0]), media_type="application/json")

    @router.post(
        "/predict/batch",
        operation_id=f"{name}_predict_batch",
        summary="Score up to 1,000 rows",
        **documented(
            {200: ("the predictions, in the rows' order", Answers)},
            413,
            422,
            503,
            body=batch_name(name),
            example={"rows": [row]},
        ),
    )
    async def predict_batch(request: Request) -> Response:
        """Score up to 1,000 rows at once; one bad row refuses them all."""
        service.require(request, "predict")
        transactions = scorer.intake.many(await read_body(request))
        answers = await scorer.answer(transactions)
        return Response(encode(Answers(answers)), media_type="application/json")

    return router
