"""Train a challenger: fit a candidate with each estimator, and register the best one on newer rows as ONNX."""

import logging
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context, git_sha
from pipelines.errors import EvidenceError, ModelRejected
from pipelines.reporting.model_card import Data, model_card
from pipelines.rules.data.frame import Frame
from pipelines.rules.data.time_split import tune_cut
from pipelines.rules.explanation.shap_explainer import add_up
from pipelines.rules.model.bundle import digest
from pipelines.rules.model.model_input import narrow
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.training.candidates import Candidate, choose, fit_all
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.policy import Training
from pipelines.stores import model_registry
from pipelines.stores.baseline import read_manifest
from pipelines.stores.estimators import find_estimator, read_explainer
from pipelines.stores.model_registry import Account, Nested, Registered

log = logging.getLogger(__name__)
EXAMPLE_ROWS, EXPLAINED_ROWS = 5, 1000


def run(context: Context) -> dict[str, Any]:
    """Train once per run: a repeated step finds what it registered."""
    decision = context.decisions.of_run(context.name, context.run_id)
    made = context.models.of_run(context.name, context.run_id)
    if made is None:
        if decision.verdict is not None:
            raise EvidenceError(
                f"decision {decision.id} is decided ({decision.verdict}) without a model: trigger a new run"
            )
        data = decision.dataset or {}
        frame = Frame.of(
            context.artifacts.load("datasets", data["train"]), context.use_case.contract
        )
        _record(context, frame, _decide(context, frame), data)
        made = context.models.of_run(context.name, context.run_id)
        assert made is not None
    if decision.verdict is None:
        context.decisions.set_challenger(context.name, context.run_id, made.version)
    page = context.settings.model_page(context.name, made.version)
    return {
        "version": made.version,
        "kind": made.kind,
        "mlflow_run_id": made.mlflow_run_id,
        "page": page,
    }


@dataclass(frozen=True)
class Fitted:
    """All candidates, the chosen one first, and how long search and fitting took."""

    candidates: list[Candidate]
    seconds: float

    @property
    def chosen(self) -> Candidate:
        """The one that becomes the challenger."""
        return self.candidates[0]


def _decide(context: Context, frame: Frame) -> Fitted:
    begun = time.monotonic()
    training = context.use_case.policy.training
    estimators = [find_estimator(name) for name in training.estimators]
    rows = Rows(narrow(frame.features), frame.labels, context.use_case.contract.categories)
    log.info(
        "searching parameters of %s on folds forward in time, for at most %s",
        ", ".join(training.estimators),
        training.budget,
    )
    end = begun + training.budget.total_seconds()
    candidates = fit_all(
        rows,
        tune_cut(len(rows)),
        estimators,
        Trainer(training, threads=os.cpu_count() or 1),
        over=lambda: time.monotonic() > end,
    )
    seconds = time.monotonic() - begun
    for candidate in candidates:
        log.info(
            "%s, the best of %s trials, on newer rows: %s",
            candidate.kind,
            len(candidate.trials),
            {name: round(value, 4) for name, value in candidate.metrics.items()},
        )
    if any(_was_cut_short(candidate, training) for candidate in candidates):
        log.warning("the search ended with its budget: another run may find other parameters")
    chosen = choose(candidates)
    log.info(
        "%s is chosen, threshold %.4f; fitted in %.1f s", chosen.kind, chosen.threshold, seconds
    )
    others = [candidate for candidate in candidates if candidate is not chosen]
    for candidate in others:
        pack(candidate, context.use_case.contract, frame.features)  # refuses an estimator by name
    return Fitted([chosen, *others], seconds)


def _was_cut_short(candidate: Candidate, training: Training) -> bool:
    space = candidate.fitted.estimator.search_space(training)
    return len(candidate.trials) < space.trials(training)


def _record(context: Context, frame: Frame, fitted: Fitted, data: dict[str, Any]) -> None:
    candidate, explained = fitted.chosen, _explain(frame, fitted.chosen)
    register(
        context, candidate, frame.features, data_hash=data["train"], data=_inputs(context, data),
        account=_account(context, frame, fitted, explained, data),
        profile=_profile(context, frame, candidate, explained.contributions),
    )  # fmt: skip


def register(
    context: Context, candidate: Candidate, features: NDArray[np.float64], *,
    account: Account, data_hash: str, data: tuple[model_registry.Input, ...] = (), profile: Reference | None = None,
) -> Registered:  # fmt: skip
    """Register a candidate trained on features (n, columns) as this run's model version, once, and remember it."""
    contract, files = (
        context.use_case.contract,
        pack(candidate, context.use_case.contract, features),
    )
    tags = {
        "contract_hash": contract.hash, "digest": digest(files), "threshold": repr(candidate.threshold),
        "git_sha": git_sha(context.settings) or "unknown", "kind": candidate.kind,
    }  # fmt: skip
    context.registry.ensure(context.name)
    registered = context.registry.find(context.name, context.run_id) or context.registry.register(
        context.name, context.run_id, files=files, tags=tags, account=account, example=narrow(features[:EXAMPLE_ROWS]),
        columns=contract.columns, label=contract.label.name, data=data,
    )  # fmt: skip
    context.models.record_contract(contract)
    context.models.record(
        use_case=context.name, version=registered.version, run_id=context.run_id, mlflow_run_id=registered.mlflow_run_id,
        kind=candidate.kind, digest=tags["digest"], contract_hash=contract.hash, threshold=candidate.threshold,
        metrics=candidate.metrics, data_hash=data_hash, profile=profile,
    )  # fmt: skip
    log.info(
        "registered %s version %s, digest %s", context.name, registered.version, tags["digest"][:12]
    )
    return registered


@dataclass(frozen=True)
class ExplainedRows:
    """Some training rows (m, columns) with their contributions (m, columns) in log-odds."""

    features: NDArray[np.float64]
    contributions: NDArray[np.float64]


def _explain(frame: Frame, candidate: Candidate) -> ExplainedRows:
    """Explain some training rows; ModelRejected, with the estimator's name, unless contributions add up to the scores."""
    count = min(len(frame), EXPLAINED_ROWS)
    features = frame.features[np.linspace(0, len(frame) - 1, count).astype(int)]
    fitted = candidate.fitted
    content = fitted.estimator.save(fitted.model)
    explainer = read_explainer(candidate.kind, content, candidate.calibration, fitted.preparation)
    contributions, base = explainer(features)
    exact = add_up(contributions, base, candidate.score(narrow(features)))
    if not exact.all():
        raise ModelRejected(
            f"estimator {candidate.kind!r}: contributions do not add up to the score in {int((~exact).sum()):,} of "
            f"{count:,} rows: correct its explainer, or remove it from `training.estimators`"
        )
    return ExplainedRows(features, contributions)


def _profile(
    context: Context, frame: Frame, candidate: Candidate, contributions: NDArray[np.float64]
) -> Reference:
    """What traffic is compared with while this model serves: the newest training rows, those that calibrated it.

    All rows would hold the reference's and the oldest for months, and no training could catch up with a world that changed.
    """
    assert candidate.judged is not None
    manifest, newest = (
        read_manifest(context.use_case.folder, context.use_case.contract),
        frame.features[tune_cut(len(frame)) :],
    )
    return Reference.of(
        manifest.name, manifest.profiles, newest, contributions=contributions, scores=candidate.judged.scores
    )  # fmt: skip


def _account(
    context: Context, frame: Frame, fitted: Fitted, explained: ExplainedRows, data: dict[str, Any]
) -> Account:  # fmt: skip
    """What MLflow shows of the run."""
    from pipelines.reporting.plots import (
        figures,
    )  # with shap, which a repeated step need not import

    contract, candidate, training = (
        context.use_case.contract,
        fitted.chosen,
        context.use_case.policy.training,
    )
    assert candidate.judged is not None
    trained_on = Data(
        rows=len(frame), positives=int(frame.labels.sum()), hash=data["train"], warnings=tuple(data.get("warnings", ())),
        window=f"{frame.event_times.min()} to {frame.event_times.max()} UTC",
    )  # fmt: skip
    return Account(
        params={"kind": candidate.kind, "rows": len(frame), **candidate.params},
        metrics={**candidate.metrics, "fit_seconds": fitted.seconds},
        below=tuple(_nested(each) for each in fitted.candidates),
        figures=figures(
            candidate.judged,
            candidate.threshold,
            explained.contributions,
            explained.features,
            contract.columns,
        ),
        card=model_card(
            contract,
            fitted.candidates,
            training,
            trained_on,
            git_sha(context.settings) or "unknown",
        ),
    )


def _nested(candidate: Candidate) -> Nested:
    tried = tuple(
        Nested(
            name=f"{candidate.kind} {number}{' pruned' if trial.pruned else ''}", params=trial.params,
            metrics={"average_precision": trial.average_precision, "folds": float(len(trial.folds))},
        )
        for number, trial in enumerate(candidate.trials, start=1)
    )  # fmt: skip
    return Nested(
        name=candidate.kind, params=candidate.params, metrics=candidate.metrics, below=tried
    )


def _inputs(context: Context, data: dict[str, Any]) -> tuple[model_registry.Input, ...]:
    """What trained and what judges, for MLflow: each with its rows, its time, and what it was made of."""
    _, end = data["window"]
    origin = {
        "evidence_source": data["source"],
        "history": data["history"],
        "decision_run_id": context.run_id,
    }
    return (
        model_registry.Input(
            context="training", digest=data["train"], path=context.artifacts.path("datasets", data["train"]),
            tags=origin | {"rows": str(data["train_rows"]), "to": data["cut"]}
            | {"from": data["train_from"], "tune_from": data["tune_from"]},
        ),
        model_registry.Input(
            context="evaluation", digest=data["holdout"], path=context.artifacts.path("datasets", data["holdout"]),
            tags=origin | {"rows": str(data["holdout_rows"]), "from": data["cut"], "to": end},
        ),
    )  # fmt: skip
