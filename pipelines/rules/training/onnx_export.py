"""A candidate as one ONNX graph: features in, calibrated score out; data, never code."""

from typing import Any

import numpy as np
import onnx
import onnxmltools
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType

from pipelines.rules.training.candidates import Candidate

OPSET = 15  # the newest that onnxmltools converts to
OPSETS = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
IR_VERSION = 8


def to_onnx(candidate: Candidate, columns: int) -> bytes:
    """Serialise a candidate: input `features` float32 (n, columns), output `score` float32 (n,).

    Platt scaling is an affine map of the margin, so it is folded into the graph without loss.
    """
    nodes, weights = (_trees if candidate.kind == "xgboost" else _linear)(candidate, columns)
    a, b = candidate.calibration.a, candidate.calibration.b
    nodes += [
        helper.make_node("Mul", ["margin", "a"], ["scaled"]),
        helper.make_node("Add", ["scaled", "b"], ["calibrated"]),
        helper.make_node("Sigmoid", ["calibrated"], ["column"]),
        helper.make_node("Reshape", ["column", "flat"], ["score"]),
    ]
    weights += [
        _tensor("a", np.array([a], np.float32)),
        _tensor("b", np.array([b], np.float32)),
        _tensor("flat", np.array([-1], np.int64)),
    ]
    graph = helper.make_graph(
        nodes,
        "sixgate",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None])],
        weights,
    )
    model = helper.make_model(
        graph, opset_imports=OPSETS, ir_version=IR_VERSION, producer_name="sixgate"
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _trees(candidate: Candidate, columns: int) -> tuple[list[Any], list[Any]]:
    """The booster's trees as one ensemble that sums to the margin."""
    converted = onnxmltools.convert_xgboost(
        candidate.model,
        initial_types=[("features", FloatTensorType([None, columns]))],
        target_opset=OPSET,
    )
    (source,) = [node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier"]
    found = {
        attribute.name: helper.get_attribute_value(attribute) for attribute in source.attribute
    }
    attributes = {name: value for name, value in found.items() if name.startswith("nodes_")}
    for name in ("treeids", "nodeids", "weights"):
        attributes[f"target_{name}"] = found[f"class_{name}"]
    attributes["target_ids"] = [0] * len(found["class_ids"])
    base = list(found.get("base_values", [0.0]))[-1]
    node = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["margin"], domain="ai.onnx.ml", n_targets=1, base_values=[base],
        post_transform="NONE", aggregate_function="SUM", **attributes,
    )  # fmt: skip
    return [node], []


def _linear(candidate: Candidate, columns: int) -> tuple[list[Any], list[Any]]:
    """Imputation by the training medians, then scaling and the coefficients as one affine map."""
    imputer, scaler, regression = (step for _, step in candidate.model.steps)
    slope = regression.coef_[0] / scaler.scale_
    intercept = float(regression.intercept_[0] - (slope * scaler.mean_).sum())
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "medians", "features"], ["imputed"]),
        helper.make_node("Gemm", ["imputed", "slope", "intercept"], ["margin"]),
    ]
    weights = [
        _tensor("medians", imputer.statistics_.astype(np.float32).reshape(1, columns)),
        _tensor("slope", slope.astype(np.float32).reshape(columns, 1)),
        _tensor("intercept", np.array([intercept], np.float32)),
    ]
    return nodes, weights


def _tensor(name: str, value: Any) -> Any:
    return numpy_helper.from_array(np.asarray(value), name)
