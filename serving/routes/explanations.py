"""Why a prediction came out as it did."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from pipelines.errors import UnknownPrediction
from pipelines.records import Explanation, Prediction
from pipelines.rules.contract import Contract
from pipelines.stores.database import connect
from pipelines.stores.explanations import ExplanationStore
from serving.identifiers import moment
from serving.lookup import find, named
from serving.messages import Contribution, ExplanationOut
from serving.openapi import documented
from serving.scoring import Scorer
from serving.service import Service

SHIPPED_WITHIN = timedelta(minutes=1)
ASK_AGAIN = 5


def routes(service: Service, scorer: Scorer) -> APIRouter:
    """`/predictions/{prediction_id}/explanation`."""
    router = APIRouter()
    settings, journal, use_case, contract = service.settings, service.journal, scorer.use_case, scorer.contract
    path = "/predictions/{prediction_id}/explanation"
    pending = {202: ("not known yet; Retry-After says when to ask again", ExplanationOut)}

    @router.get(
        path,
        operation_id=f"{use_case}_explanation",
        summary="Why it was scored so",
        **documented(pending | {200: ("completed, failed, or not requested", ExplanationOut)}, 404, 422, 503),
    )
    def explanation(prediction_id: UUID, request: Request) -> Response:
        """Say why: 202 while it is pending, 200 once it is known, or when nobody asked for it."""
        service.require(request, "read")
        with connect(settings) as connection:
            try:
                prediction, logged = find(connection, journal, use_case, prediction_id)
            except UnknownPrediction:
                if datetime.now(UTC) - moment(prediction_id) > SHIPPED_WITHIN:
                    raise
                return _answer(ExplanationOut(prediction_id, "PENDING"))
            known = ExplanationStore(connection).get(use_case, prediction_id)
        if known is None:
            return _answer(ExplanationOut(prediction_id, "NOT_REQUESTED" if logged else "PENDING"))
        return _answer(explained(contract, prediction, known))

    @router.post(
        path,
        operation_id=f"{use_case}_ask_for_explanation",
        summary="Ask for an explanation",
        **documented(pending | {200: ("it is there already", ExplanationOut)}, 404, 422, 503),
    )
    def ask(prediction_id: UUID, request: Request) -> Response:
        """Ask for an explanation; one that failed is tried again, one that is known stays as it is."""
        service.require(request, "read")
        with connect(settings) as connection:
            prediction, _ = find(connection, journal, use_case, prediction_id)
            known = ExplanationStore(connection).request(prediction)
        return _answer(explained(contract, prediction, known))

    return router


def explained(contract: Contract, prediction: Prediction, known: Explanation) -> ExplanationOut:
    """Put contributions beside the features they come from, the largest first."""
    features = named(contract, prediction)
    words = {feature.name: feature.description for feature in contract.features}
    words |= {derived.name: derived.description for derived in contract.derived}
    given = sorted((known.contributions or {}).items(), key=lambda item: -abs(item[1]))
    contributions = [Contribution(name, features.get(name), value, words.get(name, "")) for name, value in given]
    return ExplanationOut(
        known.prediction_id,
        cast("Any", known.status),
        known.model_version,
        known.base_value,
        contributions if known.status == "COMPLETED" else None,
        known.error,
    )


def _answer(body: ExplanationOut) -> Response:
    code = 202 if body.status == "PENDING" else 200
    headers = {"Retry-After": str(ASK_AGAIN)} if body.status == "PENDING" else None
    return Response(msgspec.json.encode(body), code, headers, media_type="application/json")
