"""Fit an estimator on rows as it takes them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.model.preparation import MAX_COLUMNS, Preparation, prepare
from pipelines.rules.training.category_levels import category_levels
from pipelines.rules.training.directions import prepared_directions
from pipelines.rules.training.estimators.interface import Estimator, Params, Rows
from pipelines.rules.training.missing_indicators import informative_columns
from pipelines.rules.use_case.policy_sections.training import Training

NEIGHBOURS = 5


@dataclass(frozen=True)
class FittedModel:
    """A model with the preparation of its features; None when it takes them as they are."""

    estimator: Estimator
    model: Any
    preparation: Preparation | None = None

    def margin(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds (n,) of features (n, columns), before calibration."""
        return self.estimator.margin(self.model, prepare(self.preparation, features))


@dataclass(frozen=True)
class Trainer:
    """Fits models as the policy says, on a number of threads."""

    training: Training
    threads: int

    def fit(
        self, estimator: Estimator, rows: Rows, params: Params, *, watch: Rows | None = None
    ) -> FittedModel:
        """Fit one model on rows (n, columns); `watch` is where it may stop early."""
        preparation, prepared = self._prepared(estimator, rows)
        if self.training.imbalance == "smote":
            prepared = with_synthetic_positives(prepared, self.training.seed)
        watched = watch and replace(
            prepared, features=prepare(preparation, watch.features), labels=watch.labels
        )
        model = estimator.fit(
            prepared,
            params,
            seed=self.training.seed,
            threads=self.threads,
            watch=watched,
        )
        return FittedModel(estimator, model, preparation)

    def _prepared(self, estimator: Estimator, rows: Rows) -> tuple[Preparation | None, Rows]:
        """The preparation that the estimator needs, and the rows as it learns from them."""
        encode = not estimator.takes_categories
        large = [
            column for column, count in enumerate(rows.categories) if encode and count > MAX_COLUMNS
        ]
        levels, cross_fitted = (
            category_levels(rows, large, self.training.seed) if large else ({}, None)
        )
        fill = not estimator.takes_missing
        preparation = Preparation.of(
            rows.features,
            rows.categories,
            fill=fill,
            encode=encode,
            levels=levels,
            indicators=informative_columns(rows) if fill else (),
        )
        features = prepare(preparation, rows.features)
        if preparation is not None and cross_fitted is not None:
            features[:, preparation.starts[large]] = cross_fitted
        directions = prepared_directions(preparation, rows.directions)
        return preparation, Rows(features, rows.labels, directions=directions)


def with_synthetic_positives(rows: Rows, seed: int) -> Rows:
    """Add positives between existing ones until there are as many as negatives.

    Source: Chawla and others, SMOTE, JAIR 16, 2002. Missing values are replaced by the median
    first, because there is no value between a number and a missing one.
    """
    from imblearn.over_sampling import SMOTE  # slow to import, and few policies ask for it
    from sklearn.impute import SimpleImputer

    neighbours = min(NEIGHBOURS, int(rows.labels.sum()) - 1)
    if neighbours < 1:
        return rows
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    smote = SMOTE(random_state=seed, k_neighbors=neighbours)
    features, labels = smote.fit_resample(imputer.fit_transform(rows.features), rows.labels)
    return replace(rows, features=features.astype(np.float32), labels=labels.astype(np.int8))
