"""Gradient-boosted trees by XGBoost."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from pipelines.rules.explanation.tree_shap import tree_shap
from pipelines.rules.training.estimators.interface import (
    FEATURES,
    MARGIN,
    GuidedSearch,
    OnnxPart,
    Params,
    Rows,
    Suggest,
)
from pipelines.rules.use_case.policy_sections.training import Training

EARLY_STOPPING_ROUNDS = 25
OPSET = 15
FIRST: Params = {
    "max_depth": 3,
    "learning_rate": 0.05,
    "min_child_weight": 5.0,
    "subsample": 0.9,
    "colsample_bytree": 0.9,
    "reg_lambda": 1.0,
    "weight": 0.0,
}

Values = NDArray[np.float64]


class BoosterExplainer:
    """A booster that explains its own margin."""

    def __init__(self, booster: xgboost.Booster) -> None:
        self._booster = booster

    def margin(self, features: NDArray[np.float32]) -> Values:
        """Log-odds (n,) of features (n, columns)."""
        matrix = xgboost.DMatrix(features)
        return np.asarray(self._booster.predict(matrix, output_margin=True), dtype=np.float64)

    def contributions(self, features: NDArray[np.float32]) -> tuple[Values, float]:
        """SHAP values (n, columns) and base value of the margin."""
        return tree_shap(self._booster, features)


class XGBoostEstimator:
    """xgboost.XGBClassifier with histogram trees."""

    name = "xgboost"
    takes_missing = True
    takes_categories = False
    takes_directions = True

    def search_space(self, training: Training) -> GuidedSearch:
        """Small trees and slow learning: see docs/decisions/011."""

        def propose(trial: Suggest, rows: Rows) -> Params:
            params: Params = {
                "max_depth": trial.suggest_int("max_depth", 2, 8),
                "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
                "min_child_weight": trial.suggest_float("min_child_weight", 1, 30, log=True),
                "subsample": trial.suggest_float("subsample", 0.6, 1),
                "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1),
                "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 30, log=True),
                "n_estimators": training.trees,
            }
            if training.imbalance == "weights":
                params["scale_pos_weight"] = positive_weight(trial, rows)
            return params

        return GuidedSearch(propose, FIRST)

    def fit(
        self,
        rows: Rows,
        params: Params,
        *,
        seed: int,
        threads: int,
        watch: Rows | None = None,
    ) -> Any:
        """Fit a classifier; with `watch`, stop where its log loss on them stops falling."""
        model = xgboost.XGBClassifier(
            **params,
            tree_method="hist",
            eval_metric="logloss",
            random_state=seed,
            n_jobs=threads,
            early_stopping_rounds=EARLY_STOPPING_ROUNDS if watch else None,
            monotone_constraints=str(tuple(rows.directions)) if rows.directions else None,
        )
        watched = [(watch.features, watch.labels)] if watch else None
        return model.fit(rows.features, rows.labels, eval_set=watched, verbose=False)

    def settle(self, params: Params, models: Sequence[Any]) -> Params:
        """As many trees as the median of the folds needed."""
        trees = [int(model.best_iteration) + 1 for model in models]
        return {**params, "n_estimators": int(np.median(trees))}

    def margin(self, model: Any, features: NDArray[np.float32]) -> Values:
        """The margin (n,), up to the best tree if the fit stopped early."""
        return np.asarray(model.predict(features, output_margin=True), dtype=np.float64)

    def to_onnx(self, model: Any, columns: int) -> OnnxPart:
        """The booster's trees as one ensemble that sums to the margin."""
        import onnxmltools
        from onnx import helper
        from onnxmltools.convert.common.data_types import FloatTensorType

        converted = onnxmltools.convert_xgboost(
            model,
            initial_types=[("features", FloatTensorType([None, columns]))],
            target_opset=OPSET,
        )
        (classifier,) = [
            node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier"
        ]
        source = {each.name: helper.get_attribute_value(each) for each in classifier.attribute}
        attributes = {name: value for name, value in source.items() if name.startswith("nodes_")}
        for name in ("treeids", "nodeids", "weights"):
            attributes[f"target_{name}"] = source[f"class_{name}"]
        attributes["target_ids"] = [0] * len(source["class_ids"])
        base = list(source.get("base_values", [0.0]))[-1]
        return OnnxPart([tree_ensemble(base_values=[base], **attributes)])

    def save(self, model: Any) -> bytes:
        """The booster in XGBoost's binary JSON (UBJ)."""
        return bytes(model.get_booster().save_raw("ubj"))

    def load(self, content: bytes) -> BoosterExplainer:
        """Read the booster."""
        return BoosterExplainer(xgboost.Booster(model_file=bytearray(content)))


def tree_ensemble(**attributes: Any) -> Any:
    """The ONNX node of a tree ensemble that sums leaf weights to the margin."""
    from onnx import helper

    return helper.make_node(
        "TreeEnsembleRegressor",
        [FEATURES],
        [MARGIN],
        domain="ai.onnx.ml",
        n_targets=1,
        post_transform="NONE",
        aggregate_function="SUM",
        **attributes,
    )


def positive_weight(trial: Suggest, rows: Rows) -> float:
    """A weight of the positive class between 1 and the ratio of negatives to positives."""
    positives = int(rows.labels.sum())
    ratio = (len(rows) - positives) / positives
    return float(ratio ** trial.suggest_float("weight", 0, 1))
