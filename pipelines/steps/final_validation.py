"""One more proof before the switch: the artefact is what was judged, its evidence stands, and the server's code serves it."""

import logging
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import EvidenceError, ModelRejected
from pipelines.rules import explain
from pipelines.rules.bundle import FILES, WARM_UP, KnownAnswers
from pipelines.rules.derive import Deriver
from pipelines.rules.proof import prove
from pipelines.rules.trial import requests, why_unfit
from pipelines.steps.shadow_evaluate import gather
from pipelines.stores import dataset
from pipelines.stores.baseline import read_baseline
from pipelines.stores.production import Production
from pipelines.stores.trial import run_trial
from pipelines.wiring import Context

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Try the model in a process of the scoring server; of a candidate (param decision_id) replay the evidence before."""
    if context.params.get("version") is not None:
        version = context.number("version")
        return _tried(context, version) | {"version": version}  # what was Production was judged then
    decision = context.decisions.get(context.name, context.number("decision_id"))
    evidence = gather(context, decision)
    if evidence.hash != decision.evidence_hash:
        raise EvidenceError(
            f"decision {decision.id}: replaying {len(evidence.labels)} rows gives other evidence than the verdict was made on: "
            "the artefact or the data changed, run the retraining again"
        )
    log.info("replayed %s rows: the evidence of decision %s stands", f"{len(evidence.labels):,}", decision.id)
    assert decision.challenger_version is not None  # gather() has seen to it
    tried = _tried(context, decision.challenger_version)
    return tried | {"decision_id": decision.id, "evidence_hash": evidence.hash}


def _tried(context: Context, version: int) -> dict[str, Any]:
    """Let the server score real requests with a version, and leave them with it as its warm-up."""
    contract, limits = context.use_case.contract, context.use_case.policy.final_validation
    model = context.models.get(context.name, version)
    name = explain.FILES[model.kind]
    with Production(context.settings.mlflow_tracking_uri, timeout=60) as production:
        files = production.fetch(context.name, version, (*FILES, name))
    bundle, _ = prove(files, contract, version=version, named=model.digest)
    features = _asked(context, limits.requests)
    expected = explain.library_scores(model.kind, files[name], bundle.calibration, features)
    trial = run_trial(context.use_case.folder, {each: files[each] for each in FILES}, requests(features, contract))
    if reasons := list(why_unfit(trial, expected, limits)):
        raise ModelRejected(f"version {version} may not serve: {'; '.join(reasons)}")
    context.registry.attach(context.name, version, WARM_UP, msgspec.json.encode(KnownAnswers.of(features, expected)))
    log.info(
        "version %s answered %s requests as the training library does, p50 %.2f ms, p99 %.2f ms, with %.0f MB", version,
        len(features), 1000 * trial.p50, 1000 * trial.p99, trial.memory / 2**20,
    )  # fmt: skip
    return {"requests": len(features), "p99_ms": round(1000 * trial.p99, 3), "memory_mb": round(trial.memory / 2**20)}


def _asked(context: Context, count: int) -> NDArray[np.float64]:
    """Features (n, columns) of the newest logged requests; of the baseline's newest rows before there were any."""
    contract = context.use_case.contract
    logged = context.predictions.newest(context.name, contract.hash, limit=count)
    if not len(logged):
        logged = dataset.historical(read_baseline(context.use_case.folder, contract), contract).features[-count:]
    return Deriver(contract)(np.ascontiguousarray(logged[:, : len(contract.raw)]))
