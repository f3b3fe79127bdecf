"""Parameter search, judged by average precision on folds forward in time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import optuna
from sklearn.metrics import average_precision_score

from pipelines.errors import DataError
from pipelines.rules.data.time_split import forward_folds
from pipelines.rules.training.estimators.interface import (
    Estimator,
    GuidedSearch,
    ParameterGrid,
    Params,
    Rows,
)
from pipelines.rules.training.fitting import FittedModel, Trainer

STARTUP = 5  # trials that are never pruned


@dataclass(frozen=True, kw_only=True)
class SearchTrial:
    """Parameters with their average precision on each fold; a pruned trial has not all folds."""

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
    estimator: Estimator, rows: Rows, trainer: Trainer, over: Callable[[], bool]
) -> list[SearchTrial]:
    """Try parameters on (a thinned sample of) `rows`; no further ones once `over` returns True.

    The same rows and seed give the same trials, unless `over` cut them short. DataError when there
    are too few positives to compare parameters on.
    """
    rows = _thinned(rows, trainer.training.rows)
    folds = [
        (rows.take(slice(0, begin)), rows.take(slice(begin, end)))
        for begin, end in forward_folds(len(rows), trainer.training.folds)
        if _has_both(rows.labels[:begin]) and _has_both(rows.labels[begin:end])
    ]
    if not folds:
        raise DataError(
            f"{int(rows.labels.sum())} positives in {len(rows)} training rows are too few to "
            "compare parameters on: no fold has positives before and in it; wait for more labels"
        )
    space = estimator.search_space(trainer.training)
    if isinstance(space, ParameterGrid):
        tried = _grid(space, estimator, folds, trainer)
    else:
        tried = _guided(space, estimator, folds, trainer)
    trials: list[SearchTrial] = []
    for trial in tried:
        trials.append(trial)
        if over():
            break
    return trials


Folds = list[tuple[Rows, Rows]]


def _grid(
    space: ParameterGrid, estimator: Estimator, folds: Folds, trainer: Trainer
) -> Iterator[SearchTrial]:
    """Every set of parameters, on every fold."""
    for params in space.params:
        scores = [
            _average_precision(trainer.fit(estimator, seen, params), judged)
            for seen, judged in folds
        ]
        yield SearchTrial(params=params, folds=tuple(scores))


def _guided(
    space: GuidedSearch, estimator: Estimator, folds: Folds, trainer: Trainer
) -> Iterator[SearchTrial]:
    """Parameters from a Parzen estimator; a trial below the median of earlier ones is pruned."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=trainer.training.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP),
    )
    study.enqueue_trial(space.first)
    for _ in range(trainer.training.trials):
        proposal = study.ask()
        params = space.propose(proposal, folds[-1][0])
        models: list[FittedModel] = []
        scores: list[float] = []
        for number, (seen, judged) in enumerate(folds):
            fitted = trainer.fit(estimator, seen, params, watch=judged)
            models.append(fitted)
            scores.append(_average_precision(fitted, judged))
            proposal.report(float(np.mean(scores)), number)
            if number + 1 < len(folds) and proposal.should_prune():
                break
        pruned = len(scores) < len(folds)
        if pruned:
            study.tell(proposal, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(proposal, float(np.mean(scores)))
        yield SearchTrial(
            params=estimator.settle(params, [each.model for each in models]),
            folds=tuple(scores),
            pruned=pruned,
        )


def _average_precision(fitted: FittedModel, judged: Rows) -> float:
    margins = fitted.margin(judged.features)
    return float(average_precision_score(judged.labels, margins))


def _thinned(rows: Rows, wanted: int) -> Rows:
    """At most so many rows, evenly spread over time."""
    if len(rows) <= wanted:
        return rows
    return rows.take(np.linspace(0, len(rows) - 1, wanted).astype(int))


def _has_both(labels: np.ndarray) -> bool:
    return 0 < int(labels.sum()) < len(labels)
