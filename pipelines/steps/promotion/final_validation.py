"""One more proof before the switch: the artefact is what was judged, its evidence stands, and the server's code serves it."""

import logging
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context
from pipelines.errors import EvidenceError, ModelRejected, UseCaseError
from pipelines.records import Decision
from pipelines.rules.explanation.shap_explainer import Explainer
from pipelines.rules.model.bundle import EXPLAINERS, FILES, WARM_UP, KnownAnswers, explainer_of
from pipelines.rules.model.verification import prove
from pipelines.rules.promotion.serving_trial import requests, why_unfit
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.steps.promotion.model_swap import refuse
from pipelines.steps.promotion.promote import of_decision
from pipelines.steps.retraining.shadow_evaluate import gather
from pipelines.stores import dataset
from pipelines.stores.baseline import read_baseline
from pipelines.stores.registry_client import RegistryClient
from pipelines.stores.serving_trial import run_trial

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Try the model in a process of the scoring server; of a candidate (param decision_id) replay the evidence before.

    A candidate that fails is refused in the ledger. A former Production (param version) was judged then: it has to be whole and
    to answer, and is told of, not refused, when it is slow, large or differs by today's limits: whoever goes back is in need.
    """
    if context.params.get("version") is not None:
        version = context.number("version")
        found, reasons = _tried(context, version)
        for reason in reasons:
            log.warning("version %s goes back into service although %s", version, reason)
        return found | {"version": version}
    decision = context.decisions.of_promotion(
        context.name, context.run_id, context.number("decision_id")
    )
    evidence = gather(context, decision)
    if evidence.hash != decision.evidence_hash:
        changed = (
            f"decision {decision.id}: replaying {len(evidence.labels)} rows gives other evidence than the verdict was made on: "
            "the artefact or the data changed, run the retraining again"
        )
        _refuse(context, decision, changed)
        raise EvidenceError(changed)
    log.info(
        "replayed %s rows: the evidence of decision %s stands",
        f"{len(evidence.labels):,}",
        decision.id,
    )
    assert decision.challenger_version is not None  # gather() has seen to it
    found, reasons = _tried(context, decision.challenger_version)
    if reasons:
        words = "; ".join(reasons)
        unfit = f"version {decision.challenger_version} may not serve: {words}: see the policy's final_validation, and retrain"
        _refuse(context, decision, unfit)
        raise ModelRejected(unfit)
    return found | {"decision_id": decision.id, "evidence_hash": evidence.hash}


def _refuse(context: Context, decision: Decision, why: str) -> None:
    """Write down that a candidate is none any more, so that nobody waits for it."""
    refuse(
        context,
        replace(of_decision(context, decision), actor=f"{context.name}_promotion", reason=why),
    )


def _tried(context: Context, version: int) -> tuple[dict[str, Any], list[str]]:
    """Let the server score real requests with a version, and leave them with it as its warm-up; what speaks against it."""
    contract, limits = context.use_case.contract, context.use_case.policy.final_validation
    model = context.models.get(context.name, version)
    name = EXPLAINERS[model.kind]
    with RegistryClient.of(context.settings) as production:
        files = production.fetch(context.name, version, (*FILES, name))
    bundle, _ = prove(files, contract, version=version, named=model.digest)
    features = _asked(context, limits.requests)
    trial = run_trial(contract, {each: files[each] for each in FILES}, requests(features, contract))
    try:
        explainer = Explainer(model.kind, explainer_of(bundle, files), bundle.calibration)
        expected = explainer.scores(features) if len(features) else np.empty(0)
    except (
        Exception
    ) as error:  # XGBoost and msgspec raise types of their own for what they can't read
        expected, reasons = (
            np.empty(0),
            [f"what explains it can't be used: {error}", *why_unfit(trial, None, limits)],
        )
    else:
        reasons = list(why_unfit(trial, expected, limits))
    if len(expected):
        context.registry.attach(
            context.name, version, WARM_UP, msgspec.json.encode(KnownAnswers.of(features, expected))
        )
    log.info(
        "version %s answered %s requests in the server's code, p50 %.2f ms, p99 %.2f ms, with %.0f MB", version,
        len(features), 1000 * trial.p50, 1000 * trial.p99, trial.memory / 2**20,
    )  # fmt: skip
    told = {
        "requests": len(features),
        "p99_ms": round(1000 * trial.p99, 3),
        "memory_mb": round(trial.memory / 2**20),
    }
    return told, reasons


def _asked(context: Context, count: int) -> NDArray[np.float64]:
    """Features (n, columns) of the newest logged requests; of the baseline's newest rows before there were any.

    A rollback does without rows when the baseline can't be read: it never depends on the use case's files.
    """
    contract = context.use_case.contract
    logged = context.predictions.newest(context.name, contract.hash, limit=count)
    if not len(logged):
        try:
            logged = dataset.historical(
                read_baseline(context.use_case.folder, contract), contract
            ).features[-count:]
        except (UseCaseError, OSError) as error:
            if context.params.get("version") is None:
                raise
            log.warning(
                "no request was logged and the baseline can't be read, so none is tried: %s", error
            )
            return np.empty((0, len(contract.columns)))
    return Deriver(contract)(np.ascontiguousarray(logged[:, : len(contract.raw)]))
