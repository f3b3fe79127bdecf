"""Explain one chunk of predictions, with the model version that scored them."""

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from pipelines.rules.model.bundle import (
    Bundle,
    explainer_file,
    explainer_of,
    read_bundle,
    sigmoid,
)
from pipelines.stores.estimators import read_explainer
from pipelines.stores.registry_client import RegistryClient
from pipelines.stores.row_conversion import RowConverter

MISSING = (400, 404)  # MLflow's status for an artifact or version that does not exist
BATCH = (
    10_000  # rows that are computed and written together; a killed process repeats at most these
)

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Claim, compute and write batch by batch; a row that can't be explained fails alone.

    A repeated step continues with what is pending. A model that is missing fails all pending rows
    of the chunk. When MLflow does not respond, the task fails and no row's attempts are counted.
    """
    chunk = context.text("chunk")
    attempts = context.use_case.policy.explanation.attempts
    version = context.explanations.version_of(context.name, chunk)
    if version is None:
        log.info("%s: no row is pending", chunk)
        return {"chunk": chunk, "completed": 0, "failed": 0}
    try:
        model = load(context, version)
    except (EvidenceError, ModelRejected) as error:
        context.explanations.refuse(context.name, chunk, str(error), attempts=attempts)
        raise
    completed = 0
    failures: dict[UUID, str] = {}
    while rows := context.explanations.claim(
        context.name, chunk, size=BATCH, attempts=attempts, tried=list(failures)
    ):
        written, failed = write(context, model, rows)
        completed += written
        failures |= failed
        log.info("%s: %s predictions explained by version %s", chunk, f"{completed:,}", version)
    if failures:
        example = next(iter(failures.values()))
        log.warning("%s of them not explained, for example: %s", f"{len(failures):,}", example)
    return {"chunk": chunk, "completed": completed, "failed": len(failures)}


@dataclass(frozen=True)
class Loaded:
    """A model version that explains.

    Logged rows are converted to the contract that it was trained under.
    """

    version: int
    bundle: Bundle
    explain: Explainer
    converter: RowConverter


def load(context: Context, version: int) -> Loaded:
    """Fetch the file that explains a version, and read it.

    ModelRejected or EvidenceError when that is not possible; httpx.HTTPError when MLflow does not
    respond.
    """
    model = context.models.get(context.name, version)
    name = explainer_file(model.kind)
    try:
        with RegistryClient.of(context.settings) as registry:
            files = registry.fetch(context.name, version, ("bundle.json", name))
    except httpx.HTTPStatusError as error:
        if error.response.status_code not in MISSING:  # other errors may be temporary
            raise
        message = f"{name} of version {version} can't be fetched from MLflow: {error}"
        raise ModelRejected(message) from error
    bundle = read_bundle(files, use_case=context.name)
    content = explainer_of(bundle, files)
    try:
        explainer = read_explainer(
            kind=bundle.kind,
            content=content,
            calibration=bundle.calibration,
            preparation=bundle.preparation,
        )
    except Exception as error:  # libraries have their own exceptions for files that they can't read
        raise ModelRejected(f"{name} of version {version} can't be read: {error}") from error
    recorded = context.models.contract(model.contract_hash, context.use_case.contract)
    converter = RowConverter(bundle.trained_under(recorded), context.models.recorded_contract)
    return Loaded(version, bundle, explainer, converter)


def write(context: Context, model: Loaded, rows: list[Claimed]) -> tuple[int, dict[UUID, str]]:
    """Explain and write claimed rows; returns the number COMPLETED, and why others failed."""
    attempts = context.use_case.policy.explanation.attempts
    failures = {
        row.prediction_id: reason for row in rows if (reason := _unfit(row, model)) is not None
    }
    fit = [row for row in rows if row.prediction_id not in failures]
    if fit:
        try:
            values, base = model.explain(_features(fit, model))
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            reasons = dict.fromkeys((row.prediction_id for row in fit), reason)
            context.explanations.fail(context.name, reasons, attempts=attempts)
            raise
        scores = np.array([row.score for row in fit], dtype=np.float64)
        exact = add_up(values, base, scores)
        for position in np.flatnonzero(~exact):
            total = sigmoid(base + values[position].sum())
            failures[fit[position].prediction_id] = (
                f"the contributions add up to {total:.6f}, the logged score is "
                f"{scores[position]:.6f}: version {model.version} did not score these features"
            )
        complete = [row for row, is_exact in zip(fit, exact, strict=True) if is_exact]
        _complete(context, model, complete, values[exact], base)
    if failures:
        context.explanations.fail(context.name, failures, attempts=attempts)
    return len(rows) - len(failures), failures


def _features(rows: list[Claimed], model: Loaded) -> NDArray[np.float64]:
    """The rows as the model takes them (n, columns)."""
    logged = [(row.contract_hash or "", row.features or []) for row in rows]
    return model.converter.rows(logged)


def _unfit(row: Claimed, model: Loaded) -> str | None:
    """Why a row can't be explained, or None."""
    if row.features is None:
        return "its prediction is no longer logged: see the policy's retention"
    expected = model.converter.width(row.contract_hash)
    if expected is None:
        return f"it was logged under the contract {row.contract_hash}, which is not recorded"
    if len(row.features) != expected:
        return f"it has {len(row.features)} features, and its contract has {expected}"
    return None


def _complete(
    context: Context,
    model: Loaded,
    rows: list[Claimed],
    values: NDArray[np.float64],
    base: float,
) -> None:
    """Write explanations and add them to the sums by bucket, in one transaction."""
    step = context.use_case.policy.drift.step
    with context.connection.transaction():
        written = context.explanations.complete(
            context.name, [row.prediction_id for row in rows], values, base
        )
        buckets: dict[datetime, list[int]] = defaultdict(list)
        shares = [written.get(row.prediction_id) for row in rows]
        for position, (row, share) in enumerate(zip(rows, shares, strict=True)):
            if share is not None:
                buckets[_bucket(row.scored_at, step)].append(position)
        for bucket, members in sorted(buckets.items()):
            member_shares = np.array([shares[member] for member in members], dtype=np.float64)
            context.explanations.add(
                context.name,
                model.version,
                model.bundle.columns,
                bucket,
                step,
                Attribution.of(values[members], member_shares),
            )


def _bucket(moment: datetime, step: timedelta) -> datetime:
    """Begin of the bucket that holds a moment."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, moment.tzinfo)
