"""What Sixgate's training reaches on the folds of a table."""

import numpy as np
import xgboost
from sklearn.metrics import roc_auc_score

from benchmarks.use_cases.tables import many_levels
from pipelines.rules.data.time_split import tune_cut
from pipelines.rules.training.candidates import choose, fit_all
from pipelines.rules.training.estimators.interface import Params, Rows
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.use_case.policy_sections.training import Training
from pipelines.stores.estimators import find_estimator

PARAMS: Params = {"n_estimators": 200, "max_depth": 5, "learning_rate": 0.1}


def roc_auc_by_fold(rows: Rows, folds: np.ndarray, threads: int) -> list[float]:
    """Train as a retraining does on all folds but one, and judge on that one."""
    training = Training()
    estimators = [find_estimator(name) for name in training.estimators]
    results = []
    for fold in range(int(folds.max()) + 1):
        train = rows.take(folds != fold)
        test = rows.take(folds == fold)
        candidates = fit_all(train, tune_cut(len(train)), estimators, Trainer(training, threads))
        scores = choose(candidates).score(test.features)
        results.append(float(roc_auc_score(test.labels, scores)))
    return results


def levels_gap(threads: int) -> float:
    """ROC-AUC with a category of 500 levels, less that of XGBoost's native categories."""
    rows = many_levels()
    cut = len(rows) * 3 // 4
    train = rows.take(slice(0, cut))
    test = rows.take(slice(cut, None))
    trainer = Trainer(Training(imbalance="none"), threads)
    fitted = trainer.fit(find_estimator("xgboost"), train, PARAMS)
    ours = roc_auc_score(test.labels, fitted.margin(test.features))
    native = xgboost.XGBClassifier(
        **PARAMS,
        tree_method="hist",
        enable_categorical=True,
        n_jobs=threads,
        feature_types=["c", "q", "q"],
    )
    native.fit(train.features, train.labels)
    theirs = roc_auc_score(test.labels, native.predict_proba(test.features)[:, 1])
    return float(ours - theirs)
