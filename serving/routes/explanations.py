"""The routes for explanations of logged predictions, which a DAG computes."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
import numpy as np
from croniter import croniter
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from pipelines.errors import UnknownPrediction, UseCaseError
from pipelines.records import Explanation, Prediction
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.settings import Settings
from pipelines.stores.database import Connection, connect
from pipelines.stores.explanations import ExplanationStore
from pipelines.stores.models import ModelStore
from pipelines.use_case import read_in_force
from serving.journal.lookup import find
from serving.journal.prediction_ids import created_at
from serving.openapi import documented
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire.problems import Problem
from serving.wire.schemas import ExplanationOut, contributions

SHIPPED_WITHIN = timedelta(minutes=1)  # a younger prediction may be in another replica's journal
SHIPS_IN = timedelta(seconds=2)
COMPUTED_WITHIN = timedelta(seconds=30)  # after a run of the DAG began
ASK_AGAIN = timedelta(minutes=15)  # when the next run is not known
PATH = "/predictions/{prediction_id}/explanation"
PENDING = {202: ("pending; Retry-After gives the seconds to wait", ExplanationOut)}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExplanationSelection:
    """Which predictions the DAG explains, and on which schedule."""

    select: str = "requested"
    sample: float = 0.0
    schedule: str = ""


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """Create `/predictions/{prediction_id}/explanation`."""
    router = APIRouter()
    use_case = scorer.use_case
    explanations = Explanations(service, scorer)

    @router.get(
        PATH,
        operation_id=f"{use_case}_explanation",
        summary="Get an explanation",
        **documented(
            PENDING | {200: ("completed, failed, or not requested", ExplanationOut)},
            problems=(404, 422, 503),
        ),
    )
    def explanation(prediction_id: UUID, request: Request) -> Response:
        """Return an explanation: 202 while it is pending, else 200."""
        service.require(request, "read")
        return explanations.get(prediction_id)

    @router.post(
        PATH,
        operation_id=f"{use_case}_ask_for_explanation",
        summary="Request an explanation",
        **documented(
            PENDING | {200: ("already computed", ExplanationOut)},
            problems=(404, 422, 503),
        ),
    )
    def ask(prediction_id: UUID, request: Request) -> Response:
        """Request an explanation; it is computed before those that the policy selects.

        A failed explanation is computed again. A completed one is returned unchanged.
        """
        service.require(request, "read")
        return explanations.request(prediction_id)

    return router


class Explanations:
    """Reads and requests the explanations of one use case."""

    def __init__(self, service: Service, scorer: UseCaseScorer) -> None:
        self._settings = service.settings
        self._journal = service.journal
        self._use_case = scorer.use_case
        self._scorer = scorer
        self._selection = _selection(service.settings, scorer.use_case)

    def get(self, prediction_id: UUID) -> Response:
        """Answer with the explanation of a prediction, or with its status."""
        pending = ExplanationOut(prediction_id, "PENDING")
        with connect(self._settings) as connection:
            try:
                prediction, logged = self._find(connection, prediction_id)
            except UnknownPrediction:
                if not _is_recent(prediction_id):
                    raise
                return _answer(pending, SHIPS_IN)
            store = ExplanationStore(connection)
            explanation = store.get(self._use_case, prediction_id)
            if explanation is not None:
                return self._completed(connection, prediction, explanation)
            if not logged:
                return _answer(pending, SHIPS_IN)
            selection = self._selection
            if store.picks(prediction, select=selection.select, sample=selection.sample):
                return _answer(pending, self._next_run())
            return _answer(ExplanationOut(prediction_id, "NOT_REQUESTED"), self._next_run())

    def request(self, prediction_id: UUID) -> Response:
        """Request the explanation of a prediction, and answer with its status."""
        with connect(self._settings) as connection:
            try:
                prediction, _ = self._find(connection, prediction_id)
            except UnknownPrediction as error:
                if not _is_recent(prediction_id):
                    raise
                seconds = math.ceil(SHIPS_IN.total_seconds())
                raise Problem(503, f"{error}: retry later", retry_after=seconds) from error
            explanation = ExplanationStore(connection).request(
                prediction, select=self._selection.select, sample=self._selection.sample
            )
            return self._completed(connection, prediction, explanation)

    def _find(self, connection: Connection, prediction_id: UUID) -> tuple[Prediction, bool]:
        return find(
            connection=connection,
            journal=self._journal,
            use_case=self._use_case,
            prediction_id=prediction_id,
        )

    def _completed(
        self, connection: Connection, prediction: Prediction, explanation: Explanation
    ) -> Response:
        contracts = ModelStore(connection)
        current = self._scorer.contract
        logged = contracts.contract(prediction.contract_hash, current)
        of_model = prediction.model_contract_hash or prediction.contract_hash
        trained = contracts.contract(of_model, current)
        answer = explained(logged, trained, prediction, explanation)
        return _answer(answer, self._next_run())

    def _next_run(self) -> timedelta:
        """Time until the next scheduled run of the DAG has had time to compute."""
        schedule = self._selection.schedule
        if not croniter.is_valid(schedule):
            return ASK_AGAIN
        now = datetime.now(UTC)
        begins: datetime = croniter(schedule, now).get_next(datetime)
        return begins - now + COMPUTED_WITHIN


def explained(
    logged: Contract, trained: Contract, prediction: Prediction, explanation: Explanation
) -> ExplanationOut:
    """Convert an explanation; its contributions get their features, the largest first.

    The features were `logged` under one contract. The contributions are those of the columns of the
    contract under which the model was `trained`.
    """
    joined = None
    if explanation.status == "COMPLETED" and explanation.contributions is not None:
        joined = contributions(
            contract=trained,
            contract_hash=prediction.model_contract_hash or prediction.contract_hash,
            features=_features_of_model(logged, trained, prediction),
            values=explanation.contributions,
        )
    return ExplanationOut(
        prediction_id=explanation.prediction_id,
        status=cast("Any", explanation.status),
        model_version=explanation.model_version,
        base_value=explanation.base_value,
        contributions=joined,
        error=explanation.error,
    )


def _features_of_model(
    logged: Contract, trained: Contract, prediction: Prediction
) -> Sequence[float]:
    """Return the features of a prediction as its model had them."""
    if prediction.model_contract_hash in (None, prediction.contract_hash):
        return prediction.features
    row = np.array([prediction.features], dtype=np.float64)
    features: list[float] = Projection(logged, trained)(row)[0].tolist()
    return features


def _selection(settings: Settings, use_case: str) -> ExplanationSelection:
    """Read which predictions are explained; an unreadable policy must not prevent scoring."""
    try:
        in_force = read_in_force(
            settings.reference, use_case, settings.policy_overlay, settings.last_valid
        )
    except UseCaseError as error:
        log.error("%s: can't read which predictions are explained: %s", use_case, error)
        return ExplanationSelection()
    policy = in_force.policy.explanation
    return ExplanationSelection(
        select=policy.select,
        sample=policy.sample,
        schedule=policy.schedule,
    )


def _is_recent(prediction_id: UUID) -> bool:
    """Whether a prediction is so recent that it may be in another replica's journal."""
    age = datetime.now(UTC) - created_at(prediction_id)
    return abs(age) < SHIPPED_WITHIN


def _answer(body: ExplanationOut, retry_after: timedelta) -> Response:
    content = msgspec.json.encode(body)
    if body.status != "PENDING":
        return Response(content, media_type="application/json")
    seconds = math.ceil(retry_after.total_seconds())
    return Response(
        content,
        status_code=202,
        headers={"Retry-After": str(seconds)},
        media_type="application/json",
    )
