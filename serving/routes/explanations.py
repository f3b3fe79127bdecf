"""Why a logged prediction came out as it did, as the DAG computed it."""

import logging
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from croniter import croniter
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from pipelines.errors import UnknownPrediction, UseCaseError
from pipelines.records import Explanation, Prediction
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import Settings
from pipelines.stores.database import connect
from pipelines.stores.explanations import ExplanationStore
from pipelines.stores.models import ModelStore
from pipelines.use_case import read_in_force
from serving.journal.lookup import find
from serving.journal.prediction_ids import moment
from serving.openapi import documented
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire.problems import Problem
from serving.wire.schemas import ExplanationOut, contributions

SHIPPED_WITHIN, SHIPS_IN = timedelta(minutes=1), timedelta(seconds=2)
COMPUTED_WITHIN = timedelta(seconds=30)  # after a run of the DAG began
ASK_AGAIN = timedelta(minutes=15)  # when nobody knows when the next one begins
PATH = "/predictions/{prediction_id}/explanation"
UNKNOWN = {202: ("not known yet; Retry-After says when to ask again", ExplanationOut)}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picked:
    """Which predictions are explained, and when."""

    select: str = "requested"
    sample: float = 0.0
    schedule: str = ""


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """`/predictions/{prediction_id}/explanation`."""
    router = APIRouter()
    settings, journal, use_case, contract = (
        service.settings,
        service.journal,
        scorer.use_case,
        scorer.contract,
    )
    policy = _policy(settings, use_case)

    @router.get(
        PATH,
        operation_id=f"{use_case}_explanation",
        summary="Why it was scored so",
        **documented(
            UNKNOWN | {200: ("completed, failed, or not requested", ExplanationOut)}, 404, 422, 503
        ),
    )
    def explanation(prediction_id: UUID, request: Request) -> Response:
        """Say why: 202 while it is pending, 200 once it is known, or when nobody asked for it."""
        service.require(request, "read")
        with connect(settings) as connection:
            try:
                prediction, logged = find(connection, journal, use_case, prediction_id)
            except UnknownPrediction:
                if not _fresh(prediction_id):
                    raise
                return _answer(ExplanationOut(prediction_id, "PENDING"), SHIPS_IN)
            store = ExplanationStore(connection)
            known = store.get(use_case, prediction_id)
            if known is None and not logged:
                return _answer(ExplanationOut(prediction_id, "PENDING"), SHIPS_IN)
            if known is None:
                comes = store.picks(prediction, select=policy.select, sample=policy.sample)
                return _answer(
                    ExplanationOut(prediction_id, "PENDING" if comes else "NOT_REQUESTED"),
                    _next_run(policy),
                )
            under = ModelStore(connection).contract(prediction.contract_hash, contract)
        return _answer(explained(under, prediction, known), _next_run(policy))

    @router.post(
        PATH,
        operation_id=f"{use_case}_ask_for_explanation",
        summary="Ask for an explanation",
        **documented(UNKNOWN | {200: ("it is there already", ExplanationOut)}, 404, 422, 503),
    )
    def ask(prediction_id: UUID, request: Request) -> Response:
        """Ask for one, ahead of those that the policy picks; one that failed is tried again, one that is known stays."""
        service.require(request, "read")
        with connect(settings) as connection:
            try:
                prediction, _ = find(connection, journal, use_case, prediction_id)
            except UnknownPrediction as error:
                if not _fresh(prediction_id):
                    raise
                raise Problem(
                    503, f"{error}: ask again", retry_after=math.ceil(SHIPS_IN.total_seconds())
                ) from error
            known = ExplanationStore(connection).request(
                prediction, select=policy.select, sample=policy.sample
            )
            under = ModelStore(connection).contract(prediction.contract_hash, contract)
        return _answer(explained(under, prediction, known), _next_run(policy))

    return router


def explained(contract: Contract, prediction: Prediction, known: Explanation) -> ExplanationOut:
    """Put contributions beside the features they come from, the largest first."""
    given = None
    if known.status == "COMPLETED" and known.contributions is not None:
        given = contributions(
            contract, prediction.contract_hash, prediction.features, known.contributions
        )
    return ExplanationOut(
        known.prediction_id,
        cast("Any", known.status),
        known.model_version,
        known.base_value,
        given,
        known.error,
    )


def _policy(settings: Settings, use_case: str) -> Picked:
    """What is explained and when; a policy that can't be read hinders no scoring."""
    try:
        in_force = read_in_force(
            settings.reference, use_case, settings.policy_overlay, settings.last_valid
        )
    except UseCaseError as error:
        log.error("nobody knows which predictions of %s are explained: %s", use_case, error)
        return Picked()
    policy = in_force.policy.explanation
    return Picked(policy.select, policy.sample, policy.schedule)


def _fresh(prediction_id: UUID) -> bool:
    """Whether a prediction was made just now, so that it may wait in another replica's journal."""
    return abs(datetime.now(UTC) - moment(prediction_id)) < SHIPPED_WITHIN


def _answer(body: ExplanationOut, again: timedelta) -> Response:
    if body.status != "PENDING":
        return Response(msgspec.json.encode(body), media_type="application/json")
    headers = {"Retry-After": str(math.ceil(again.total_seconds()))}
    return Response(msgspec.json.encode(body), 202, headers, media_type="application/json")


def _next_run(policy: Picked) -> timedelta:
    """How long until the DAG's next run by its schedule has had time to compute."""
    if not croniter.is_valid(policy.schedule):
        return ASK_AGAIN
    now = datetime.now(UTC)
    begins: datetime = croniter(policy.schedule, now).get_next(datetime)
    return begins - now + COMPUTED_WITHIN
