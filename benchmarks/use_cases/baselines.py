"""Five models at their defaults on the folds of a table; runs in an environment of its own.

Reads a Parquet file with the columns `label` and `fold`, and prints the ROC-AUC by fold as JSON.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

SEED = 6


def one_hot_logistic(frame: pd.DataFrame) -> Any:
    """Logistic regression on scaled numbers and a column for each category."""
    words = list(frame.select_dtypes("category"))
    numbers = [name for name in frame if name not in words]
    encoded = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer((scaled, numbers), (encoded, words))
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def catboost(frame: pd.DataFrame) -> Any:
    """CatBoost, which wants text for its categories."""
    words = list(frame.select_dtypes("category"))
    return CatBoostClassifier(cat_features=words, random_seed=SEED, verbose=False)


MODELS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "hist_gradient_boosting": lambda _: HistGradientBoostingClassifier(
        categorical_features="from_dtype", random_state=SEED
    ),
    "one_hot_logistic": one_hot_logistic,
    "xgboost": lambda _: XGBClassifier(enable_categorical=True, random_state=SEED),
    "lightgbm": lambda _: LGBMClassifier(random_state=SEED, verbose=-1),
    "catboost": catboost,
}


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return categories as text, with a word for missing ones."""
    words = frame.select_dtypes("category").columns
    return frame.assign(**{name: frame[name].astype(object).fillna("missing") for name in words})


def main(file: str) -> None:
    """Fit every model on every fold."""
    table = pd.read_parquet(file)
    labels = table.pop("label").to_numpy()
    folds = table.pop("fold").to_numpy()
    results: dict[str, list[float]] = {}
    for name, make in MODELS.items():
        frame = as_text(table) if name in ("catboost", "one_hot_logistic") else table
        for fold in range(int(folds.max()) + 1):
            train = folds != fold
            model = make(table).fit(frame[train], labels[train])
            scores = model.predict_proba(frame[~train])[:, 1]
            roc_auc = float(roc_auc_score(labels[~train], np.asarray(scores)))
            results.setdefault(name, []).append(roc_auc)
        print(name, round(float(np.mean(results[name])), 4), file=sys.stderr, flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
