"""Train a challenger: fit a candidate with each estimator, and register the best one."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context, git_sha
from pipelines.errors import EvidenceError, ModelRejected
from pipelines.records import Decision
from pipelines.reporting.model_card import Data, model_card
from pipelines.rules.data.frame import Frame
from pipelines.rules.data.time_split import tune_cut
from pipelines.rules.explanation.shap_explainer import add_up
from pipelines.rules.gates.score_bands import predictions_per_row
from pipelines.rules.model.bundle import digest
from pipelines.rules.model.model_input import narrow
from pipelines.rules.monitoring.converted_profiles import newer_profiles
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.training.candidates import Candidate, choose, fit_all
from pipelines.rules.training.daily_capacity import Capacity
from pipelines.rules.training.directions import indirect, keeping
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.policy_sections.training import Threshold, Training
from pipelines.stores import model_registry
from pipelines.stores.baseline import read_manifest
from pipelines.stores.estimators import find_estimator, read_explainer
from pipelines.stores.model_registry import Account, Nested, Registered

log = logging.getLogger(__name__)
EXAMPLE_ROWS, EXPLAINED_ROWS = 5, 1000


def run(context: Context) -> dict[str, Any]:
    """Train once for each run: a repeated step finds the version that it registered."""
    decision = context.decisions.of_run(context.name, context.run_id)
    model = context.models.of_run(context.name, context.run_id)
    if model is None:
        if decision.verdict is not None:
            raise EvidenceError(
                f"decision {decision.id} is decided ({decision.verdict}) without a model: "
                "trigger a new run"
            )
        data = decision.dataset or {}
        _use_contract_of(context, data)
        table = context.artifacts.load("datasets", data["train"])
        frame = Frame.of(table, context.use_case.contract)
        fitted = _fit(context, frame, data)
        data = _with_notes(context, decision, data, fitted.notes)
        _record(context, frame, fitted, data)
        model = context.models.of_run(context.name, context.run_id)
        assert model is not None
    if decision.verdict is None:
        context.decisions.set_challenger(context.name, context.run_id, model.version)
    return {
        "version": model.version,
        "kind": model.kind,
        "mlflow_run_id": model.mlflow_run_id,
        "page": context.settings.model_page(context.name, model.version),
    }


def _use_contract_of(context: Context, data: dict[str, Any]) -> None:
    """Train under the contract that the data were stored under; it may have changed since."""
    use_case = context.use_case
    contract = context.models.contract(
        data.get("contract_hash", use_case.contract.hash), use_case.contract
    )
    context.use_case = replace(use_case, contract=contract)


def _with_notes(
    context: Context, decision: Decision, data: dict[str, Any], notes: Sequence[str]
) -> dict[str, Any]:
    """Store in the decision what people should know of the training; return its dataset."""
    for note in notes:
        log.warning("%s", note)
    noted = data | {"training": list(notes)}
    context.decisions.set_dataset(
        context.name,
        context.run_id,
        dataset=noted,
        evidence_source=data["source"],
        champion_version=decision.champion_version,
    )
    return noted


@dataclass(frozen=True)
class Fitted:
    """All candidates, the chosen one first, and the seconds of search and fitting.

    `notes` say what people should know of the training.
    """

    candidates: list[Candidate]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def chosen(self) -> Candidate:
        """The one that becomes the challenger."""
        return self.candidates[0]


def _fit(context: Context, frame: Frame, data: dict[str, Any]) -> Fitted:
    begun = time.monotonic()
    training = context.use_case.policy.training
    contract = context.use_case.contract
    kept = keeping([find_estimator(name) for name in training.estimators], contract)
    rows = Rows(
        narrow(frame.features),
        frame.labels,
        contract.categories,
        contract.directions if any(contract.directions) else (),
    )
    log.info(
        "searching parameters of %s on folds forward in time, for at most %s",
        ", ".join(estimator.name for estimator in kept.estimators),
        training.budget,
    )
    end = begun + training.budget.total_seconds()
    candidates = fit_all(
        rows,
        tune_cut(len(rows)),
        kept.estimators,
        Trainer(training, threads=os.cpu_count() or 1),
        over=lambda: time.monotonic() > end,
        capacity=_capacity(frame, data, training.threshold),
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
        pack(candidate, contract, frame.features)  # refuses an estimator by name
    ordered = [chosen, *others]
    notes = (*kept.reasons, *indirect(contract), *_capacity_notes(ordered))
    return Fitted(ordered, seconds, notes)


def _capacity(frame: Frame, data: dict[str, Any], threshold: Threshold) -> Capacity | None:
    """How many of the tuning rows investigators can work off; None if the policy does not say.

    A labelled row stands for the predictions of its score band and time that are not labelled, too.
    """
    if threshold.metric != "alerts":
        return None
    rows = frame.take(slice(tune_cut(len(frame)), None))
    covered = data.get("tune_coverage", {})
    weights = predictions_per_row(rows.scores, rows.thresholds, covered)
    return Capacity.of(threshold, days=rows.days, weights=weights, entities=rows.entities)


def _capacity_notes(candidates: list[Candidate]) -> Iterator[str]:
    """Name the candidates that exceed the capacity, and say if it does not limit the first one.

    Nothing is said where the policy states no capacity.
    """
    for candidate in candidates:
        if candidate.over_capacity is not None:
            yield f"{candidate.kind} can't be chosen: {candidate.over_capacity}"
    metrics = candidates[0].metrics
    if metrics.get("flagged_share", 0.0) == 1:
        most = metrics.get("most_flagged_per_day", 0.0)
        yield (
            f"every tuning row is flagged, because no day has more than {most:,.0f} rows: lower "
            "`training.threshold.per_day`, or set `per_share` if the rows are a sample of the "
            "traffic"
        )


def _was_cut_short(candidate: Candidate, training: Training) -> bool:
    space = candidate.fitted.estimator.search_space(training)
    return len(candidate.trials) < space.trials(training)


def _record(context: Context, frame: Frame, fitted: Fitted, data: dict[str, Any]) -> None:
    explained = _explain(frame, fitted.chosen)
    register(
        context,
        fitted.chosen,
        frame.features,
        data_hash=data["train"],
        data=_inputs(context, data),
        account=_account(context, frame, fitted, explained, data),
        evidence={
            "evidence_source": str(data["source"]),
            "reference_rows": str(data.get("reference_rows", 0)),
        },
        profile=_profile(context, data, fitted.chosen, explained.contributions),
    )


def register(
    context: Context,
    candidate: Candidate,
    features: NDArray[np.float64],
    *,
    account: Account,
    data_hash: str,
    evidence: dict[str, str] | None = None,
    data: tuple[model_registry.Input, ...] = (),
    profile: Reference | None = None,
) -> Registered:
    """Register a candidate trained on features (n, columns) as this run's version, once.

    `evidence` are tags that say which rows trained it.
    """
    contract = context.use_case.contract
    files = pack(candidate, contract, features)
    tags = {
        "contract_hash": contract.hash,
        "digest": digest(files),
        "threshold": repr(candidate.threshold),
        "git_sha": git_sha(context.settings) or "unknown",
        "kind": candidate.kind,
        **(evidence or {}),
    }
    context.registry.ensure(context.name)
    registered = context.registry.find(context.name, context.run_id)
    if registered is None:
        registered = context.registry.register(
            context.name,
            context.run_id,
            files=files,
            tags=tags,
            account=account,
            example=narrow(features[:EXAMPLE_ROWS]),
            columns=contract.columns,
            label=contract.label.name,
            data=data,
        )
    context.models.record_contract(contract)
    context.models.record(
        use_case=context.name,
        version=registered.version,
        run_id=context.run_id,
        mlflow_run_id=registered.mlflow_run_id,
        kind=candidate.kind,
        digest=tags["digest"],
        contract_hash=contract.hash,
        threshold=candidate.threshold,
        metrics=candidate.metrics,
        data_hash=data_hash,
        profile=profile,
    )
    version = registered.version
    log.info("registered %s version %s, digest %s", context.name, version, tags["digest"][:12])
    return registered


@dataclass(frozen=True)
class ExplainedRows:
    """Some training rows (m, columns) with their contributions (m, columns) in log-odds."""

    features: NDArray[np.float64]
    contributions: NDArray[np.float64]


def _explain(frame: Frame, candidate: Candidate) -> ExplainedRows:
    """Explain some training rows.

    ModelRejected, with the estimator's name, unless contributions add up to the scores.
    """
    count = min(len(frame), EXPLAINED_ROWS)
    features = frame.features[np.linspace(0, len(frame) - 1, count).astype(int)]
    fitted = candidate.fitted
    explainer = read_explainer(
        kind=candidate.kind,
        content=fitted.estimator.save(fitted.model),
        calibration=candidate.calibration,
        preparation=fitted.preparation,
    )
    contributions, base = explainer(features)
    exact = add_up(contributions, base, candidate.score(narrow(features)))
    if not exact.all():
        raise ModelRejected(
            f"estimator {candidate.kind!r}: contributions do not add up to the score in "
            f"{(~exact).sum():,} of {count:,} rows: correct its explainer, or remove it from "
            "`training.estimators`"
        )
    return ExplainedRows(features, contributions)


def _profile(
    context: Context,
    data: dict[str, Any],
    candidate: Candidate,
    contributions: NDArray[np.float64],
) -> Reference:
    """Profile of the evaluation data, with which traffic is compared while the model serves.

    These are the newest rows, on which the gates judge the model and which no training sees.
    Training rows are older, so after a change no training could catch up with it for months.
    """
    contract = context.use_case.contract
    table = context.artifacts.load("datasets", data["holdout"])
    features = Frame.of(table, contract).features
    manifest = read_manifest(context.use_case.folder, contract)
    newer = newer_profiles(
        features,
        manifest.profiles,
        contract,
        min_rows=context.use_case.policy.drift.rows,
    )
    return Reference.of(
        manifest.name,
        manifest.profiles,
        features,
        columns=contract.columns,
        newer=newer,
        contributions=contributions,
        scores=candidate.score(narrow(features)),
    )


def _account(
    context: Context,
    frame: Frame,
    fitted: Fitted,
    explained: ExplainedRows,
    data: dict[str, Any],
) -> Account:
    """What MLflow shows of the run."""
    from pipelines.reporting.plots import figures  # imports shap; a repeated step does without

    contract = context.use_case.contract
    candidate = fitted.chosen
    assert candidate.judged is not None
    trained_on = Data(
        rows=len(frame),
        positives=int(frame.labels.sum()),
        hash=data["train"],
        warnings=(*data.get("warnings", ()), *fitted.notes),
        window=frame.period,
    )
    plots = figures(
        candidate.judged,
        candidate.threshold,
        explained.contributions,
        explained.features,
        contract.columns,
    )
    card = model_card(
        contract,
        fitted.candidates,
        context.use_case.policy.training,
        trained_on,
        git_sha(context.settings) or "unknown",
    )
    return Account(
        params={"kind": candidate.kind, "rows": len(frame), **candidate.params},
        metrics={**candidate.metrics, "fit_seconds": fitted.seconds},
        below=tuple(_nested(each) for each in fitted.candidates),
        figures=plots,
        card=card,
    )


def _nested(candidate: Candidate) -> Nested:
    trials = tuple(
        Nested(
            name=f"{candidate.kind} {number}{' pruned' if trial.pruned else ''}",
            params=trial.params,
            metrics={
                "average_precision": trial.average_precision,
                "folds": float(len(trial.folds)),
            },
        )
        for number, trial in enumerate(candidate.trials, start=1)
    )
    return Nested(
        name=candidate.kind, params=candidate.params, metrics=candidate.metrics, below=trials
    )


def _inputs(context: Context, data: dict[str, Any]) -> tuple[model_registry.Input, ...]:
    """The training and the evaluation data for MLflow: rows, time span and origin."""
    _, end = data["window"]
    origin = {
        "evidence_source": data["source"],
        "history": data["history"],
        "decision_run_id": context.run_id,
    }
    training = origin | {
        "rows": str(data["train_rows"]),
        "from": data["train_from"],
        "to": data["cut"],
        "tune_from": data["tune_from"],
    }
    evaluation = origin | {"rows": str(data["holdout_rows"]), "from": data["cut"], "to": end}
    return (
        _input(context, "training", data["train"], training),
        _input(context, "evaluation", data["holdout"], evaluation),
    )


def _input(context: Context, use: str, digest_: str, tags: dict[str, str]) -> model_registry.Input:
    path = context.artifacts.path("datasets", digest_)
    return model_registry.Input(context=use, digest=digest_, path=path, tags=tags)
