"""Train a challenger: both kinds fitted, the better one on later rows calibrated, packed as ONNX and registered."""

import logging
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from pipelines.rules import explain
from pipelines.rules.bundle import Bundle, KnownAnswers, digest
from pipelines.rules.candidates import Candidate, Rows, choose, fit_all
from pipelines.rules.contract import Contract
from pipelines.rules.graph import to_onnx
from pipelines.rules.split import tune_cut
from pipelines.stores.dataset import Frame
from pipelines.stores.registry import CHALLENGER, Registered
from pipelines.wiring import Context, git_sha

log = logging.getLogger(__name__)
KNOWN_ROWS, EXAMPLE_ROWS = 32, 200


def run(context: Context) -> dict[str, Any]:
    """Train once per run: a repeated step finds what it registered."""
    made = context.models.of_run(context.name, context.run_id)
    if made is None:
        decision = context.decisions.of_run(context.name, context.run_id)
        data = decision.dataset or {}
        frame = Frame.of(context.artifacts.load("datasets", data["train"]), context.use_case.contract)
        _record(context, frame, _decide(context, frame), data_hash=data["train"])
        made = context.models.of_run(context.name, context.run_id)
        assert made is not None
    context.decisions.set_challenger(context.name, context.run_id, made.version)
    return {"version": made.version, "kind": made.kind, "mlflow_run_id": made.mlflow_run_id}


def _decide(context: Context, frame: Frame) -> Candidate:
    rows = Rows(frame.features.astype(np.float32), frame.labels)
    candidates = fit_all(rows, tune_cut(len(rows)), context.use_case.policy.training)
    for candidate in candidates:
        log.info("%s on later rows: %s", candidate.kind, {name: round(value, 4) for name, value in candidate.metrics.items()})
    chosen = choose(candidates)
    log.info("%s is chosen, threshold %.4f", chosen.kind, chosen.threshold)
    return chosen


def _record(context: Context, frame: Frame, candidate: Candidate, *, data_hash: str) -> None:
    contract = context.use_case.contract
    files = _files(context, frame, candidate)
    sha = git_sha(context.settings) or "unknown"
    tags = {"contract_hash": contract.hash, "digest": digest(files), "threshold": repr(candidate.threshold), "git_sha": sha,
            "kind": candidate.kind}  # fmt: skip
    context.registry.ensure(context.name)
    registered = context.registry.find(context.name, context.run_id) or context.registry.register(
        context.name, context.run_id, files=files, tags=tags, metrics=candidate.metrics,
        params={"kind": candidate.kind, "rows": len(frame), **candidate.params},
        example=_example(frame, contract), label=contract.label.name, data_hash=data_hash,
    )  # fmt: skip
    context.registry.point(context.name, registered.version, CHALLENGER)
    _remember(context, candidate, registered, tags["digest"], data_hash)


def _remember(context: Context, candidate: Candidate, registered: Registered, name: str, data_hash: str) -> None:
    contract = context.use_case.contract
    context.models.record_contract(contract)
    context.models.record(
        use_case=context.name, version=registered.version, run_id=context.run_id, mlflow_run_id=registered.mlflow_run_id,
        kind=candidate.kind, digest=name, contract_hash=contract.hash, threshold=candidate.threshold,
        metrics=candidate.metrics, data_hash=data_hash,
    )  # fmt: skip
    log.info("registered %s version %s, digest %s", context.name, registered.version, name[:12])


def _files(context: Context, frame: Frame, candidate: Candidate) -> dict[str, bytes]:
    """Everything the model version holds: the bundle that serves, and what explains it."""
    contract = context.use_case.contract
    known = frame.features[np.linspace(0, len(frame) - 1, KNOWN_ROWS).astype(int)]
    bundle = Bundle(
        use_case=context.name, contract_hash=contract.hash, columns=contract.columns, kind=candidate.kind,
        calibration=candidate.calibration, threshold=candidate.threshold,
    )  # fmt: skip
    name, explainer = explain.explainer_file(candidate)
    return {
        "model.onnx": to_onnx(candidate, len(contract.columns)),
        "bundle.json": msgspec.json.encode(bundle),
        "known_answers.json": msgspec.json.encode(KnownAnswers.of(known, candidate.score(known.astype(np.float32)))),
        name: explainer,
    }


def _example(frame: Frame, contract: Contract) -> pd.DataFrame:
    """A look at the data for MLflow's dataset page, under the contract's names."""
    rows = pd.DataFrame(frame.features[:EXAMPLE_ROWS], columns=list(contract.columns))
    return rows.assign(**{contract.label.name: frame.labels[:EXAMPLE_ROWS].astype(float)})
