"""One row's score and why, at once."""

import logging
import math

import numpy as np
from fastapi import APIRouter

from pipelines.rules.model.bundle import TOLERANCE, sigmoid
from serving.hot_path import Hot
from serving.openapi import documented, row_name
from serving.scoring import UseCaseScorer, encode, no_score, risk
from serving.service import Service
from serving.wire.problems import Problem
from serving.wire.request_decoding import example
from serving.wire.schemas import ExplainedOut, contributions

log = logging.getLogger(__name__)


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """`/explain`."""
    router = APIRouter()
    use_case, contract = scorer.use_case, scorer.contract

    async def explain(caller: str, body: bytes) -> bytes:
        service.rate.take(caller)
        transaction = scorer.intake.one(body)
        model, features = scorer.serving(), scorer.features([transaction])
        (score,) = model.score(features)
        if not math.isfinite(score):
            raise no_score()
        row, version, threshold = features[0].tolist(), model.served.version, model.bundle.threshold
        found = await service.explainer.explain(use_case, model, row)
        if (
            not abs(sigmoid(np.array([found.base_value + sum(found.contributions)]))[0] - score)
            <= TOLERANCE
        ):
            log.error("what explains version %d does not add up to its scores", version)
            raise Problem(503, f"what explains version {version} does not add up to its scores")
        given = contributions(contract, contract.hash, row, found.contributions)
        verdict = int(score >= threshold)
        return encode(
            ExplainedOut(
                score, verdict, threshold, risk(score, threshold), version, found.base_value, given
            )
        )

    router.add_api_route(
        "/explain",
        Hot(explain, "predict", "Score one row and say why, at once. Nothing is logged; the first call starts a process."),
        methods=["POST"],
        operation_id=f"{use_case}_explain",
        summary="Score one row and say why",
        **documented(
            {200: ("the score and its reasons", ExplainedOut)}, 413, 422, 429, 501, 503, body=row_name(use_case),
            example=example(contract),
        ),
    )  # fmt: skip
    return router
