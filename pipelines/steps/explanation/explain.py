"""Explain one chunk of predictions with the very model version that scored them."""

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context
from pipelines.errors import EvidenceError, ModelRejected
from pipelines.records import Claimed
from pipelines.rules.explanation.attribution import Attribution
from pipelines.rules.explanation.shap_explainer import Explainer, add_up
from pipelines.rules.model.bundle import EXPLAINERS, Bundle, explainer_of, read_bundle, sigmoid
from pipelines.stores.registry_client import RegistryClient

log = logging.getLogger(__name__)
BATCH = 10_000  # rows that are computed and written together: what a killed process has to do again


def run(context: Context) -> dict[str, Any]:
    """Claim, compute and write batch by batch; a row that can't be explained fails by itself.

    A repeated step finds what is left to do. A model that is gone fails all that waits of the chunk; a registry that does not
    answer fails the task, and counts against no row.
    """
    chunk, attempts = context.text("chunk"), context.use_case.policy.explanation.attempts
    version = context.explanations.version_of(context.name, chunk)
    if version is None:
        log.info("%s: nothing of it waits", chunk)
        return {"chunk": chunk, "completed": 0, "failed": 0}
    try:
        model = load(context, version)
    except (EvidenceError, ModelRejected) as error:
        context.explanations.refuse(context.name, chunk, str(error), attempts=attempts)
        raise
    completed, failed = 0, dict[UUID, str]()
    while rows := context.explanations.claim(
        context.name, chunk, size=BATCH, attempts=attempts, tried=list(failed)
    ):
        done, wrong = write(context, model, rows)
        completed, failed = completed + done, failed | wrong
        log.info("%s: %s predictions explained by version %s", chunk, f"{completed:,}", version)
    if failed:
        log.warning(
            "%s of them not explained, such as: %s", f"{len(failed):,}", next(iter(failed.values()))
        )
    return {"chunk": chunk, "completed": completed, "failed": len(failed)}


@dataclass(frozen=True)
class Loaded:
    """A model version that explains."""

    version: int
    bundle: Bundle
    explain: Explainer


def load(context: Context, version: int) -> Loaded:
    """Fetch what explains a version; ModelRejected or EvidenceError when there is no such thing, httpx.HTTPError when MLflow is
    away."""
    model = context.models.get(context.name, version)
    try:
        with RegistryClient.of(context.settings) as production:
            files = production.fetch(context.name, version, ("bundle.json", EXPLAINERS[model.kind]))
    except httpx.HTTPStatusError as error:
        if error.response.status_code not in (
            400,
            404,
        ):  # RESOURCE_DOES_NOT_EXIST; anything else may pass
            raise
        raise ModelRejected(
            f"what explains version {version} can't be fetched from MLflow: {error}"
        ) from error
    bundle = read_bundle(files, use_case=context.name, contract_hash=model.contract_hash)
    content = explainer_of(bundle, files)
    try:
        return Loaded(version, bundle, Explainer(bundle.kind, content, bundle.calibration))
    except (
        Exception
    ) as error:  # XGBoost and msgspec raise types of their own for what they can't read
        raise ModelRejected(
            f"{EXPLAINERS[model.kind]} of version {version} can't be read: {error}"
        ) from error


def write(context: Context, model: Loaded, rows: list[Claimed]) -> tuple[int, dict[UUID, str]]:
    """Explain and write claimed rows; returns how many are COMPLETED, and why others are not."""
    width, attempts = len(model.bundle.columns), context.use_case.policy.explanation.attempts
    wrong = {
        row.prediction_id: _unfit(row, model)
        for row in rows
        if row.features is None or len(row.features) != width
    }
    fit = [row for row in rows if row.prediction_id not in wrong]
    if fit:
        features = np.array([row.features for row in fit], dtype=np.float64)
        scores = np.array([row.score for row in fit], dtype=np.float64)
        try:
            values, base = model.explain(features)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            context.explanations.fail(
                context.name,
                dict.fromkeys((row.prediction_id for row in fit), told),
                attempts=attempts,
            )
            raise
        good = add_up(values, base, scores)
        wrong |= {
            fit[
                at
            ].prediction_id: f"the contributions add up to {sigmoid(base + values[at].sum()):.6f}, the logged score is "
            f"{scores[at]:.6f}: version {model.version} did not score these features"
            for at in np.flatnonzero(~good)
        }
        _complete(
            context,
            model,
            [row for row, fine in zip(fit, good, strict=True) if fine],
            values[good],
            base,
        )
    if wrong:
        context.explanations.fail(context.name, wrong, attempts=attempts)
    return len(rows) - len(wrong), wrong


def _unfit(row: Claimed, model: Loaded) -> str:
    if row.features is None:
        return "its prediction is no longer logged: see the policy's retention"
    return f"it has {len(row.features)} features, and version {model.version} takes {len(model.bundle.columns)}"


def _complete(
    context: Context, model: Loaded, rows: list[Claimed], values: NDArray[np.float64], base: float
) -> None:
    """Write explanations, and add them to the sums over time, both or neither."""
    step = context.use_case.policy.drift.step
    with context.connection.transaction():
        written = context.explanations.complete(
            context.name, [row.prediction_id for row in rows], values, base
        )
        buckets: dict[datetime, list[int]] = defaultdict(list)
        shares = [written.get(row.prediction_id) for row in rows]
        for at, (row, share) in enumerate(zip(rows, shares, strict=True)):
            if share is not None:
                seconds = row.scored_at.timestamp() // step.total_seconds() * step.total_seconds()
                buckets[datetime.fromtimestamp(seconds, row.scored_at.tzinfo)].append(at)
        for bucket, members in sorted(buckets.items()):
            found = Attribution.of(
                values[members], np.array([shares[at] for at in members], dtype=np.float64)
            )
            context.explanations.add(
                context.name, model.version, model.bundle.columns, bucket, step, found
            )
