"""The search for a kind's parameters: each set is judged on folds forward in time, by average precision."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import optuna
from sklearn.metrics import average_precision_score

from pipelines.errors import DataError
from pipelines.rules.data.time_split import forward_folds
from pipelines.rules.training.estimators import Kind, Params, Rows, fit, margin
from pipelines.rules.use_case.policy import Training

FIRST = {
    "max_depth": 3, "learning_rate": 0.05, "min_child_weight": 5.0, "subsample": 0.9, "colsample_bytree": 0.9,
    "reg_lambda": 1.0, "weight": 0.0,
}  # fmt: skip
STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # of logistic regression, inverse
STARTUP = 5  # trials that are never pruned


@dataclass(frozen=True, kw_only=True)
class SearchTrial:
    """Parameters that were tried, and their average precision on each fold they came to; pruned ones did not see all."""

    params: Params
    folds: tuple[float, ...]
    pruned: bool = False

    @property
    def average_precision(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.folds))


def best(trials: list[SearchTrial]) -> SearchTrial:
    """The best of those that saw every fold; the first of equals."""
    return max(
        (trial for trial in trials if not trial.pruned), key=lambda trial: trial.average_precision
    )


def search(
    kind: Kind, rows: Rows, training: Training, over: Callable[[], bool]
) -> list[SearchTrial]:
    """Try parameters on (a thinned sample of) `rows`; once `over` says so no further ones are tried.

    The same rows and seed give the same trials, unless `over` cut them short.
    """
    rows = _thinned(rows, training.rows)
    folds = [
        (rows.take(slice(0, begin)), rows.take(slice(begin, end)))
        for begin, end in forward_folds(len(rows), training.folds)
        if _has_both(rows.labels[:begin]) and _has_both(rows.labels[begin:end])
    ]
    if not folds:
        raise DataError(
            f"{int(rows.labels.sum())} positives in {len(rows)} training rows are too few to compare parameters on: "
            "no fold has positives before and in it; wait for more labels"
        )
    trials: list[SearchTrial] = []
    for trial in (_grid if kind == "logistic" else _guided)(folds, training):
        trials.append(trial)
        if over():
            break
    return trials


Folds = list[tuple[Rows, Rows]]


def _grid(folds: Folds, training: Training) -> Iterator[SearchTrial]:
    """Logistic regression: every strength of the penalty, with and without weights."""
    weights = (None, "balanced") if training.imbalance == "weights" else (None,)
    for strength, weight in product(STRENGTHS, weights):
        params = {"C": strength, "class_weight": weight}
        found = []
        for seen, judged in folds:
            model = fit("logistic", seen, params, training)
            found.append(
                float(
                    average_precision_score(
                        judged.labels, margin("logistic", model, judged.features)
                    )
                )
            )
        yield SearchTrial(params=params, folds=tuple(found))


def _guided(folds: Folds, training: Training) -> Iterator[SearchTrial]:
    """XGBoost: a tree-structured Parzen estimator proposes, and drops what lags behind the median of its predecessors."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=training.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP),
    )  # fmt: skip
    study.enqueue_trial(FIRST)
    for _ in range(training.trials):
        asked = study.ask()
        params, found, trees = _propose(asked, folds[-1][0], training), [], []
        for number, (seen, judged) in enumerate(folds):
            model = fit(
                "xgboost", seen, {**params, "n_estimators": training.trees}, training, watch=judged
            )
            trees.append(int(model.best_iteration) + 1)
            found.append(
                float(
                    average_precision_score(
                        judged.labels, margin("xgboost", model, judged.features)
                    )
                )
            )
            asked.report(float(np.mean(found)), number)
            if number + 1 < len(folds) and asked.should_prune():
                study.tell(asked, state=optuna.trial.TrialState.PRUNED)
                break
        pruned = len(found) < len(folds)
        if not pruned:
            study.tell(asked, float(np.mean(found)))
        yield SearchTrial(
            params={**params, "n_estimators": int(np.median(trees))},
            folds=tuple(found),
            pruned=pruned,
        )


def _propose(asked: optuna.Trial, rows: Rows, training: Training) -> Params:
    params: Params = {
        "max_depth": asked.suggest_int("max_depth", 2, 6),
        "learning_rate": asked.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "min_child_weight": asked.suggest_float("min_child_weight", 1, 30, log=True),
        "subsample": asked.suggest_float("subsample", 0.6, 1),
        "colsample_bytree": asked.suggest_float("colsample_bytree", 0.4, 1),
        "reg_lambda": asked.suggest_float("reg_lambda", 0.1, 30, log=True),
    }
    if training.imbalance != "weights":
        return params
    ratio = (len(rows) - rows.labels.sum()) / rows.labels.sum()
    return {**params, "scale_pos_weight": float(ratio ** asked.suggest_float("weight", 0, 1))}


def _thinned(rows: Rows, wanted: int) -> Rows:
    """Evenly over time."""
    return (
        rows
        if len(rows) <= wanted
        else rows.take(np.linspace(0, len(rows) - 1, wanted).astype(int))
    )


def _has_both(labels: np.ndarray) -> bool:
    return 0 < int(labels.sum()) < len(labels)
