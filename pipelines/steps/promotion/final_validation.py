"""Final validation: the evidence is unchanged, and the server's code serves the model."""

import logging
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context
from pipelines.errors import EvidenceError, ModelRejected, UseCaseError
from pipelines.records import Decision
from pipelines.rules.model.bundle import FILES, WARM_UP, KnownAnswers, explainer_file, explainer_of
from pipelines.rules.model.verification import prove
from pipelines.rules.promotion.lost_directions import why_undirected
from pipelines.rules.promotion.serving_trial import requests, why_unfit
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.steps.promotion.model_swap import refuse
from pipelines.steps.promotion.promote import of_decision
from pipelines.steps.retraining.shadow_evaluate import gather
from pipelines.stores import dataset
from pipelines.stores.baseline import read_baseline
from pipelines.stores.estimators import read_explainer
from pipelines.stores.registry_client import RegistryClient
from pipelines.stores.serving_trial import run_trial

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Try the model in a process of the scoring server; replay a candidate's evidence first.

    A candidate (param decision_id) that fails is refused in the ledger. A former Production version
    (param version) must be complete and respond. It is not refused when it is slow, large or scores
    otherwise by today's limits: the log says so, because a rollback is urgent.
    """
    if context.params.get("version") is not None:
        version = context.number("version")
        trial, reasons = _try(context, version)
        for reason in reasons:
            log.warning("version %s goes back into service although %s", version, reason)
        return trial | {"version": version}
    decision_id = context.number("decision_id")
    decision = context.decisions.of_promotion(context.name, context.run_id, decision_id)
    evidence = gather(context, decision)
    rows = len(evidence.labels)
    if evidence.hash != decision.evidence_hash:
        changed = (
            f"decision {decision.id}: replaying {rows} rows gives other evidence than the verdict "
            "was made on: the artefact or the data changed, run the retraining again"
        )
        _refuse(context, decision, changed)
        raise EvidenceError(changed)
    log.info("replayed %s rows: the evidence of decision %s is unchanged", f"{rows:,}", decision.id)
    assert decision.challenger_version is not None  # gather() checked it
    trial, reasons = _try(context, decision.challenger_version)
    if reasons:
        unfit = (
            f"version {decision.challenger_version} may not serve: {'; '.join(reasons)}: "
            "see the policy's final_validation, and retrain"
        )
        _refuse(context, decision, unfit)
        raise ModelRejected(unfit)
    return trial | {"decision_id": decision.id, "evidence_hash": evidence.hash}


def _refuse(context: Context, decision: Decision, reason: str) -> None:
    """Record in the ledger that a candidate is refused, so that no run waits for it."""
    swap = of_decision(context, decision)
    refuse(context, replace(swap, actor=f"{context.name}_promotion", reason=reason))


def _try(context: Context, version: int) -> tuple[dict[str, Any], list[str]]:
    """Let the server's code score real requests with a version, and keep them as its warm-up.

    Returns metrics of the trial, and reasons why the version may not serve.
    """
    contract = context.use_case.contract
    limits = context.use_case.policy.final_validation
    model = context.models.get(context.name, version)
    name = explainer_file(model.kind)
    with RegistryClient.of(context.settings) as registry:
        files = registry.fetch(context.name, version, (*FILES, name))
    own = context.models.contract(model.contract_hash, contract)
    undirected = why_undirected(own, contract)
    bundle, _ = prove(files, own, version=version, named=model.digest)
    rows, accepted_by = _requests(context, limits.requests)
    features = Projection(contract, own).complete(rows)
    serving_files = {each: files[each] for each in FILES}
    trial = run_trial(accepted_by, serving_files, requests(rows, accepted_by), own=own)
    expected = np.empty(0)
    try:
        explainer = read_explainer(
            kind=bundle.kind,
            content=explainer_of(bundle, files),
            calibration=bundle.calibration,
            preparation=bundle.preparation,
        )
        if len(features):
            expected = explainer.scores(features)
    except Exception as error:  # libraries have their own exceptions for files that they can't read
        reasons = [f"{name} can't be used: {error}", *why_unfit(trial, None, limits)]
    else:
        reasons = list(why_unfit(trial, expected, limits))
    if len(expected):
        answers = msgspec.json.encode(KnownAnswers.of(features, expected))
        context.registry.attach(context.name, version, WARM_UP, answers)
    p99_ms = 1000 * trial.p99
    memory_mb = trial.memory / 2**20
    log.info(
        "version %s answered %s requests in the server's code, p50 %.2f ms, p99 %.2f ms, %.0f MB",
        version,
        len(features),
        1000 * trial.p50,
        p99_ms,
        memory_mb,
    )
    reasons += [undirected] if undirected else []
    metrics = {
        "requests": len(features),
        "p99_ms": round(p99_ms, 3),
        "memory_mb": round(memory_mb),
    }
    return metrics, reasons


def _requests(context: Context, count: int) -> tuple[NDArray[np.float64], Contract]:
    """Features (n, columns) of the newest logged requests, and the contract that accepts them.

    Rows of earlier contracts are converted to the current one. They may lack what it requires, so
    the contract that is returned also has the rules that they were accepted by.

    Before the first request the rows are the baseline's newest ones. A rollback continues without
    rows when the baseline can't be read, because it must not depend on the use case's files.
    """
    contract = context.use_case.contract
    newest = context.predictions.newest(context.name, limit=count)
    logged = context.converter.rows(newest)
    if len(logged):
        return logged, context.converter.accepting
    try:
        baseline = read_baseline(context.use_case.folder, contract)
    except (UseCaseError, OSError) as error:
        if context.params.get("version") is None:
            raise
        log.warning("no request was logged and the baseline can't be read: %s", error)
        return np.empty((0, len(contract.columns))), contract
    rows = dataset.historical(baseline, contract).features[-count:]
    return rows, dataset.accepted_by(baseline.schema, contract)
