"""Gradient-boosted trees by LightGBM; trained only where the policy names it."""

from collections.abc import Iterator, Sequence
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.model.model_input import FLOAT32_MAX
from pipelines.rules.training.estimators.interface import (
    GuidedSearch,
    OnnxPart,
    Params,
    Rows,
    Suggest,
)
from pipelines.rules.training.estimators.xgboost import positive_weight, tree_ensemble
from pipelines.rules.use_case.policy_sections.training import Training

EARLY_STOPPING_ROUNDS = 25
ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold
FIRST: Params = {
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "bagging_fraction": 0.9,
    "feature_fraction": 0.9,
    "lambda_l2": 1.0,
    "weight": 0.0,
}

Values = NDArray[np.float64]


class LightGBMExplainer:
    """A booster that explains its own margin."""

    def __init__(self, booster: lightgbm.Booster) -> None:
        self._booster = booster

    def margin(self, features: NDArray[np.float32]) -> Values:
        """Log-odds (n,) of features (n, columns)."""
        return np.asarray(self._booster.predict(features, raw_score=True), dtype=np.float64)

    def contributions(self, features: NDArray[np.float32]) -> tuple[Values, float]:
        """SHAP values (n, columns) and base value of the margin, by LightGBM's own Tree SHAP."""
        values = np.asarray(self._booster.predict(features, pred_contrib=True), dtype=np.float64)
        return values[:, :-1], float(values[0, -1])


class LightGBMEstimator:
    """lightgbm.train with the binary objective."""

    name = "lightgbm"
    takes_missing = True
    takes_categories = False
    takes_directions = True

    def search_space(self, training: Training) -> GuidedSearch:
        """Small trees and slow learning, as for XGBoost."""

        def propose(trial: Suggest, rows: Rows) -> Params:
            params: Params = {
                "num_leaves": trial.suggest_int("num_leaves", 4, 63, log=True),
                "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
                "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 100, log=True),
                "bagging_fraction": trial.suggest_float("bagging_fraction", 0.6, 1),
                "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 1),
                "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 30, log=True),
                "num_iterations": training.trees,
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
    ) -> lightgbm.Booster:
        """Fit a booster; given `watch`, it stops where the log loss of these rows stops falling."""
        settings = {
            **params,
            "objective": "binary",
            "metric": "binary_logloss",
            "bagging_freq": 1,
            "seed": seed,
            "num_threads": threads,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
            "monotone_constraints": list(rows.directions) or None,
        }
        trees = settings.pop("num_iterations", 100)
        training = lightgbm.Dataset(rows.features, rows.labels)
        stop = lightgbm.early_stopping(EARLY_STOPPING_ROUNDS, verbose=False)
        return lightgbm.train(
            settings,
            training,
            num_boost_round=trees,
            valid_sets=[training.create_valid(watch.features, watch.labels)] if watch else [],
            callbacks=[stop] if watch else [],
        )

    def settle(self, params: Params, models: Sequence[lightgbm.Booster]) -> Params:
        """As many trees as the median of the folds needed."""
        trees = [model.best_iteration or model.num_trees() for model in models]
        return {**params, "num_iterations": int(np.median(trees))}

    def margin(self, model: lightgbm.Booster, features: NDArray[np.float32]) -> Values:
        """The margin (n,), up to the best tree if the fit stopped early."""
        return np.asarray(model.predict(features, raw_score=True), dtype=np.float64)

    def to_onnx(self, model: lightgbm.Booster, columns: int) -> OnnxPart:
        """The booster's trees as one ensemble that sums to the margin."""
        attributes: dict[str, list[Any]] = {name: [] for name in TREE_ATTRIBUTES}
        for tree, described in enumerate(model.dump_model()["tree_info"]):
            for number, node, children in _numbered(described["tree_structure"]):
                _add(attributes, tree, number, node, children)
        return OnnxPart([tree_ensemble(base_values=[0.0], **attributes)])

    def save(self, model: lightgbm.Booster) -> bytes:
        """The booster in LightGBM's text format."""
        return str(model.model_to_string()).encode()

    def load(self, content: bytes) -> LightGBMExplainer:
        """Read the booster."""
        return LightGBMExplainer(lightgbm.Booster(model_str=content.decode()))


TREE_ATTRIBUTES = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_modes",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
    "target_treeids",
    "target_nodeids",
    "target_ids",
    "target_weights",
)
Node = dict[str, Any]


def _numbered(root: Node) -> Iterator[tuple[int, Node, tuple[int, int]]]:
    """Each node of a tree with its number, and the numbers of its left and right child."""
    waiting = [(0, root)]
    count = 1
    while waiting:
        number, node = waiting.pop()
        children = (count, count + 1) if "left_child" in node else (0, 0)
        yield number, node, children
        if "left_child" in node:
            waiting += [(count, node["left_child"]), (count + 1, node["right_child"])]
            count += 2


def _add(
    attributes: dict[str, list[Any]],
    tree: int,
    number: int,
    node: Node,
    children: tuple[int, int],
) -> None:
    leaf = "leaf_value" in node
    threshold = 0.0 if leaf else float(node["threshold"])
    values = {
        "nodes_treeids": tree,
        "nodes_nodeids": number,
        "nodes_featureids": 0 if leaf else node["split_feature"],
        "nodes_modes": "LEAF" if leaf else "BRANCH_LEQ",
        "nodes_values": _float32_threshold(threshold),
        "nodes_truenodeids": children[0],
        "nodes_falsenodeids": children[1],
        "nodes_missing_value_tracks_true": 0 if leaf else int(_missing_goes_left(node, threshold)),
    }
    if leaf:
        values |= {
            "target_treeids": tree,
            "target_nodeids": number,
            "target_ids": 0,
            "target_weights": float(node["leaf_value"]),
        }
    for name, value in values.items():
        attributes[name].append(value)


def _float32_threshold(threshold: float) -> float:
    """The float32 that splits float32 values as LightGBM splits them in double precision.

    It is the greatest float32 that is not above the threshold. Beside 0 it is another, because
    LightGBM takes values between -1e-35 and 1e-35 for 0.
    """
    if -ZERO <= threshold < 0:
        return float(np.nextafter(np.float32(-ZERO), np.float32(-np.inf)))
    if 0 <= threshold < ZERO:
        return ZERO
    nearest = np.float32(min(max(threshold, -FLOAT32_MAX), FLOAT32_MAX))
    if float(nearest) <= threshold:  # as doubles: numpy would compare them as float32
        return float(nearest)
    return float(np.nextafter(nearest, np.float32(-np.inf)))


def _missing_goes_left(node: Node, threshold: float) -> bool:
    """Where a missing value goes: LightGBM takes it for 0 in a column that had none in training."""
    return threshold >= 0 if node["missing_type"] == "None" else bool(node["default_left"])
