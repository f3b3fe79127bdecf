"""The route that records labels."""

from datetime import UTC, datetime

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
from serving.wire.request_decoding import KEY_RULE, TIMESTAMP_RULE, decode, in_utc
from serving.wire.schemas import MAX_LABELS, LabelIn, LabelReceiptOut, LabelsIn

EXAMPLE = {"labels": [{"transaction_id": "t-1", "label": 1}]}
LABELS_DECODER = msgspec.json.Decoder(LabelsIn)
RULES = {
    "labels": f"must be a list of 1 to {MAX_LABELS} labels",
    "transaction_id": KEY_RULE,
    "label": "must be 0 or 1",
    "labelled_at": TIMESTAMP_RULE,
}


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
        posted: LabelsIn = decode(LABELS_DECODER, body, RULES)
        now = datetime.now(UTC)
        new_labels = [_label(label, row, now) for row, label in enumerate(posted.labels)]
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


def _label(label: LabelIn, row: int, now: datetime) -> Label:
    labelled_at = now
    if label.labelled_at:
        labelled_at = in_utc("labelled_at", label.labelled_at, row)
    return Label(
        transaction_id=label.transaction_id,
        label=label.label,
        labelled_at=labelled_at,
    )
