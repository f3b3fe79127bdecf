"""The route that records labels."""

import msgspec
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from pipelines.records import Label
from pipelines.stores.database import connect
from pipelines.stores.labels import LabelStore
from serving.openapi import documented
from serving.scoring import UseCaseScorer
from serving.service import Service, read_body
from serving.wire.schemas import LabelReceiptOut

EXAMPLE = {"labels": [{"transaction_id": "t-1", "label": 1}]}


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """Create `/labels`."""
    router = APIRouter()

    @router.post(
        "/labels",
        operation_id=f"{scorer.use_case}_labels",
        summary="Post labels",
        **documented(
            {200: ("how many labels were new, corrected or duplicate", LabelReceiptOut)},
            problems=(413, 422, 503),
            body="LabelsIn",
            example=EXAMPLE,
        ),
    )
    async def labels(request: Request) -> Response:
        """Record labels; one that differs from an earlier label is stored as its correction."""
        caller = service.require(request, "label")
        body = await read_body(request.scope["length"], request.receive)
        new_labels = scorer.state.contracts.labels.decode(body)
        receipt = await run_sync(
            record,
            service,
            scorer.use_case,
            new_labels,
            caller,
        )
        return Response(msgspec.json.encode(receipt), media_type="application/json")

    return router


def record(service: Service, use_case: str, labels: list[Label], caller: str) -> LabelReceiptOut:
    """Store labels with the name of the key that sent them."""
    with connect(service.settings) as connection:
        receipt = LabelStore(connection).record(use_case, labels, source=f"api:{caller}")
    return LabelReceiptOut(
        accepted=receipt.accepted,
        corrected=receipt.corrected,
        duplicate=receipt.duplicate,
    )
