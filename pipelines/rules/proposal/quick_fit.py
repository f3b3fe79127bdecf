"""What a model with fixed parameters reaches on the data, within seconds."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from pipelines.errors import DataError
from pipelines.rules.proposal.policy_proposal import QuickFit
from pipelines.rules.training.estimators.interface import Estimator, Params, Rows
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.operating_threshold import operating_threshold
from pipelines.rules.use_case.policy_sections.training import Training

FOLDS = 3
NEWEST = 1 / 3  # of the rows in order of time, on which the fit is judged
PARAMS: Params = {"n_estimators": 120, "max_depth": 4, "learning_rate": 0.1}
FEWEST = 10  # of each class

Mask = NDArray[np.bool_]


def quick_fit(rows: Rows, estimator: Estimator, *, by_time: bool, threads: int) -> QuickFit:
    """Fit trees on parts of the rows, and judge them on others.

    Rows in order of time are judged on their newest third. Without a time, each row is judged by a
    model that learned from the other folds. Raises DataError when a class has too few rows.
    """
    training = Training()
    trainer = Trainer(training, threads)
    scores = np.full(len(rows), np.nan)
    for learns, judged in _folds(rows.labels, by_time=by_time, seed=training.seed):
        fitted = trainer.fit(estimator, rows.take(learns), PARAMS)
        scores[judged] = 1 / (1 + np.exp(-fitted.margin(rows.features[judged])))
    is_judged = ~np.isnan(scores)
    labels = rows.labels[is_judged]
    scores = scores[is_judged]
    flags = scores >= operating_threshold(labels, scores, scores, training.threshold)
    roc_auc = float(roc_auc_score(labels, scores))
    return QuickFit(
        rows=len(labels),
        positives=int(labels.sum()),
        roc_auc=roc_auc,
        error=standard_error(roc_auc, labels),
        recall=float(flags[labels == 1].mean()),
        flagged_share=float(flags.mean()),
    )


def _folds(
    labels: NDArray[np.int8], *, by_time: bool, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the positions that learn and those that are judged."""
    if by_time:
        cut = int(len(labels) * (1 - NEWEST))
        _require_both(labels[:cut], "the older rows")
        _require_both(labels[cut:], "the newest third of the rows")
        yield np.arange(cut), np.arange(cut, len(labels))
        return
    _require_both(labels, "the rows")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    yield from folds.split(labels, labels)


def _require_both(labels: NDArray[np.int8], which: str) -> None:
    positives = int(labels.sum())
    fewer = min(positives, len(labels) - positives)
    if fewer < FEWEST:
        raise DataError(
            f"{which} hold {positives:,} positives and {len(labels) - positives:,} negatives: a "
            f"model needs at least {FEWEST} of each to be judged; add labelled rows"
        )


def standard_error(roc_auc: float, labels: NDArray[np.int8]) -> float:
    """Standard error of a ROC-AUC.

    Source: Hanley and McNeil, The meaning and use of the area under a ROC curve, Radiology 143,
    1982.
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    both_above = roc_auc / (2 - roc_auc)
    both_below = 2 * roc_auc**2 / (1 + roc_auc)
    square = roc_auc**2
    variance = roc_auc * (1 - roc_auc)
    variance += (positives - 1) * (both_above - square) + (negatives - 1) * (both_below - square)
    return float(np.sqrt(variance / (positives * negatives)))
