"""A candidate as one ONNX graph: features in, calibrated score out; data, never code."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import TOLERANCE
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.model.preparation import Preparation
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.interface import FEATURES, MARGIN, OnnxPart

OPSETS = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)]
IR_VERSION = 8
REMEDY = "correct its `to_onnx`, or remove it from `training.estimators`"


def to_onnx(candidate: Candidate, columns: int) -> bytes:
    """Serialise a candidate: input `features` float32 (n, columns), output `score` float32 (n,).

    Platt scaling is an affine map of the margin, so it is folded into the graph without loss.
    """
    fitted = candidate.fitted
    width = fitted.preparation.width if fitted.preparation else columns
    parts = [
        _preparation(fitted.preparation),
        fitted.estimator.to_onnx(fitted.model, width),
        _calibration(candidate),
    ]
    graph = helper.make_graph(
        [node for part in parts for node in part.nodes],
        "sixgate",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None])],
        [constant for part in parts for constant in part.constants],
    )
    model = helper.make_model(
        graph, opset_imports=OPSETS, ir_version=IR_VERSION, producer_name="sixgate"
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def verify_export(
    candidate: Candidate, graph: bytes, features: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    """Raise ModelRejected unless the graph's scores (n,) are the candidate's to 1e-5.

    The message names the estimator.
    """
    try:
        scores = OnnxScorer(graph)(features.astype(np.float64))
    except Exception as error:  # onnxruntime has exceptions of its own for graphs that it can't run
        raise ModelRejected(
            f"estimator {candidate.kind!r}: its ONNX graph can't be run: {error}: {REMEDY}"
        ) from error
    differences = np.abs(scores - candidate.score(features))
    wrong = ~(differences <= TOLERANCE)  # NaN is wrong too
    if wrong.any():
        raise ModelRejected(
            f"estimator {candidate.kind!r}: its ONNX graph gives other scores for "
            f"{wrong.sum():,} of {len(scores):,} rows, by up to {np.max(differences):.2g} "
            f"(limit {TOLERANCE:g}): {REMEDY}"
        )


def _preparation(preparation: Preparation | None) -> OnnxPart:
    """Nodes from `features` to the features that the estimator was fitted on."""
    if preparation is None:
        return OnnxPart([helper.make_node("Identity", ["features"], [FEATURES])])
    nodes: list[Any] = []
    constants: list[Any] = []
    filled = "features"
    if preparation.fill is not None:
        filled = "filled" if any(preparation.categories) else FEATURES
        nodes += [
            helper.make_node("IsNaN", ["features"], ["missing"]),
            helper.make_node("Where", ["missing", "fill", "features"], [filled]),
        ]
        constants.append(_tensor("fill", np.array([preparation.fill], np.float32)))
    if any(preparation.categories):
        columns = [f"column_{number}" for number in range(len(preparation.categories))]
        for number, count in enumerate(preparation.categories):
            part = _column(number, count, filled)
            nodes += part.nodes
            constants += part.constants
        nodes.append(helper.make_node("Concat", columns, [FEATURES], axis=1))
    return OnnxPart(nodes, constants)


def _column(number: int, categories: int, filled: str) -> OnnxPart:
    """One column as it is, or as one column of 0 and 1 for each of its categories."""
    index = _tensor(f"index_{number}", np.array([number], np.int64))
    column = f"column_{number}"
    if not categories:
        node = helper.make_node("Gather", [filled, index.name], [column], axis=1)
        return OnnxPart([node], [index])
    values = _tensor(f"values_{number}", np.arange(categories, dtype=np.float32).reshape(1, -1))
    picked, equal = f"picked_{number}", f"equal_{number}"
    nodes = [
        helper.make_node("Gather", ["features", index.name], [picked], axis=1),
        helper.make_node("Equal", [picked, values.name], [equal]),
        helper.make_node("Cast", [equal], [column], to=TensorProto.FLOAT),
    ]
    return OnnxPart(nodes, [index, values])


def _calibration(candidate: Candidate) -> OnnxPart:
    """Nodes from the margin to the calibrated score."""
    calibration = candidate.calibration
    nodes = [
        helper.make_node("Mul", [MARGIN, "a"], ["scaled"]),
        helper.make_node("Add", ["scaled", "b"], ["calibrated"]),
        helper.make_node("Sigmoid", ["calibrated"], ["column"]),
        helper.make_node("Reshape", ["column", "flat"], ["score"]),
    ]
    constants = [
        _tensor("a", np.array([calibration.a], np.float32)),
        _tensor("b", np.array([calibration.b], np.float32)),
        _tensor("flat", np.array([-1], np.int64)),
    ]
    return OnnxPart(nodes, constants)


def _tensor(name: str, value: Any) -> Any:
    return numpy_helper.from_array(np.asarray(value), name)
