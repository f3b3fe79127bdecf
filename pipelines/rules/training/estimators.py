"""The two kinds of model: how each is fitted with given parameters, and its margin."""

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipelines.rules.use_case.policy import Training

EARLY_STOPPING_ROUNDS = 25
Kind = Literal["logistic", "xgboost"]
KINDS: tuple[Kind, ...] = ("logistic", "xgboost")
Params = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Rows to learn from: features (n, columns) float32 with NaN for missing, labels (n,) 0 or 1, in order of time."""

    features: NDArray[np.float32]
    labels: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[Any] | slice) -> "Rows":
        """The rows of a mask, of positions or of a slice."""
        return Rows(self.features[rows], self.labels[rows])


def fit(
    kind: Kind, rows: Rows, params: Params, training: Training, *, watch: Rows | None = None
) -> Any:
    """Fit one model; XGBoost, given rows to watch, stops where their log loss stops falling."""
    if training.imbalance == "smote":
        rows = _with_synthetic_positives(rows, training.seed)
    if kind == "logistic":
        regression = LogisticRegression(**params, max_iter=2000, random_state=training.seed)
        return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), regression).fit(
            rows.features, rows.labels
        )
    model = xgboost.XGBClassifier(
        **params, tree_method="hist", eval_metric="logloss", random_state=training.seed, n_jobs=os.cpu_count() or 1,
        early_stopping_rounds=EARLY_STOPPING_ROUNDS if watch else None,
    )  # fmt: skip
    return model.fit(
        rows.features,
        rows.labels,
        eval_set=[(watch.features, watch.labels)] if watch else None,
        verbose=False,
    )


def margin(kind: str, model: Any, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Uncalibrated log-odds (n,) from a fitted model, up to its best tree if it stopped early, or from a loaded booster."""
    if kind == "logistic":
        return np.asarray(model.decision_function(features), dtype=np.float64)
    if isinstance(model, xgboost.Booster):
        return np.asarray(model.inplace_predict(features, predict_type="margin"), dtype=np.float64)
    return np.asarray(model.predict(features, output_margin=True), dtype=np.float64)


def _with_synthetic_positives(rows: Rows, seed: int) -> Rows:
    """As many positives as negatives, the new ones between old ones (Chawla and others, SMOTE, JAIR 16, 2002).

    What is missing is filled with the median first: there is no middle between a number and nothing.
    """
    from imblearn.over_sampling import SMOTE  # an option that few policies take

    filled = SimpleImputer(strategy="median", keep_empty_features=True).fit_transform(rows.features)
    neighbours = min(5, int(rows.labels.sum()) - 1)
    if neighbours < 1:
        return rows
    features, labels = SMOTE(random_state=seed, k_neighbors=neighbours).fit_resample(
        filled, rows.labels
    )
    return Rows(features.astype(np.float32), labels.astype(np.int8))
