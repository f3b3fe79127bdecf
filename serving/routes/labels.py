"""Ground truth, as it arrives."""

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
from serving.wire.request_decoding import KEY_RULE, MOMENT_RULE, decode, moment
from serving.wire.schemas import MAX_LABELS, LabelIn, LabelReceiptOut, LabelsIn

EXAMPLE = {"labels": [{"transaction_id": "t-1", "label": 1}]}
TRUTHS = msgspec.json.Decoder(LabelsIn)
RULES = {
    "labels": f"must be a list of 1 to {MAX_LABELS} labels",
    "transaction_id": KEY_RULE,
    "label": "must be 0 or 1",
    "labelled_at": MOMENT_RULE,
}


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """`/labels`."""
    router = APIRouter()

    @router.post(
        "/labels",
        operation_id=f"{scorer.use_case}_labels",
        summary="Post labels",
        **documented(
            {200: ("what became of the labels", LabelReceiptOut)},
            413,
            422,
            503,
            body="LabelsIn",
            example=EXAMPLE,
        ),
    )
    async def labels(request: Request) -> Response:
        """Tell what transactions turned out to be; a label that changes an earlier one is kept as its correction."""
        caller = service.require(request, "label")
        truths = decode(TRUTHS, await read_body(request.scope["length"], request.receive), RULES)
        now = datetime.now(UTC)
        given = [_label(truth, row, now) for row, truth in enumerate(truths.labels)]
        receipt = await run_sync(record, service, scorer.use_case, given, caller)
        return Response(msgspec.json.encode(receipt), media_type="application/json")

    return router


def record(service: Service, use_case: str, labels: list[Label], caller: str) -> LabelReceiptOut:
    """Keep labels, and whose key sent them."""
    with connect(service.settings) as connection:
        receipt = LabelStore(connection).record(use_case, labels, source=f"api:{caller}")
    return LabelReceiptOut(receipt.accepted, receipt.corrected, receipt.duplicate)


def _label(truth: LabelIn, row: int, now: datetime) -> Label:
    labelled_at = moment("labelled_at", truth.labelled_at, row) if truth.labelled_at else now
    return Label(transaction_id=truth.transaction_id, label=truth.label, labelled_at=labelled_at)
