"""The route that scores one row and explains the score in the same request."""

import logging
import math

import numpy as np
from fastapi import APIRouter

from pipelines.rules.model.bundle import TOLERANCE, sigmoid
from pipelines.rules.model.risk_band import risk_band
from serving.hot_path import HotEndpoint
from serving.model.served_model import ServedModel
from serving.openapi import documented, row_name
from serving.scoring import UseCaseScorer, encode, no_score_error
from serving.service import Service
from serving.wire.problems import Problem
from serving.wire.row_types import example
from serving.wire.schemas import ExplainedOut, contributions

DESCRIPTION = (
    "Score one row and explain the score. Nothing is logged. "
    "The first call starts a helper process, which takes some seconds."
)

log = logging.getLogger(__name__)


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """Create `/explain`."""
    router = APIRouter()
    use_case = scorer.use_case

    async def explain(caller: str, body: bytes) -> bytes:
        service.rate_limit.take(caller)
        state = scorer.state
        transaction = state.contracts.decoder.decode_row(body)
        model = scorer.serving(state)
        features = state.inputs(state.contracts.features([transaction]))
        (score,) = model.score(features)
        if not math.isfinite(score):
            raise no_score_error()
        row = features[0].tolist()
        answer = await explain_score(
            service=service,
            scorer=scorer,
            model=model,
            row=row,
            score=score,
        )
        return encode(answer)

    router.add_api_route(
        "/explain",
        HotEndpoint(explain, "predict", DESCRIPTION),
        methods=["POST"],
        operation_id=f"{use_case}_explain",
        summary="Score and explain one row",
        **documented(
            {200: ("the score and its explanation", ExplainedOut)},
            problems=(413, 422, 429, 501, 503),
            body=row_name(use_case),
            example=example(scorer.contract),
        ),
    )
    return router


async def explain_score(
    service: Service, scorer: UseCaseScorer, model: ServedModel, row: list[float], score: float
) -> ExplainedOut:
    """Explain the score of a row (columns of the model's contract,).

    Raises a 503 Problem when base value and contributions do not add up to the score.
    """
    explanation = await service.explainer.explain(scorer.use_case, model, row)
    log_odds = explanation.base_value + sum(explanation.contributions)
    (explained_score,) = sigmoid(np.array([log_odds]))
    difference = abs(explained_score - score)
    version = model.served.version
    if not difference <= TOLERANCE:  # NaN is refused too
        message = f"the explanation of version {version} does not add up to its score"
        log.error(message)
        raise Problem(503, message)
    threshold = model.bundle.threshold
    joined = contributions(
        contract=model.contract,
        contract_hash=model.contract.hash,
        features=row,
        values=explanation.contributions,
    )
    return ExplainedOut(
        score=score,
        predicted_label=int(score >= threshold),
        threshold=threshold,
        risk=risk_band(score, threshold),
        model_version=version,
        base_value=explanation.base_value,
        contributions=joined,
    )
