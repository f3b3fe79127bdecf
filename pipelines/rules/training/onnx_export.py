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
    parts = [_filled(preparation)]
    values = "filled"
    if preparation.levels:
        parts.append(_with_levels(preparation, values))
        values = "with_levels"
    if preparation.indicators:
        parts += [_spread(preparation, values, "without_indicators"), _indicators(preparation)]
    else:
        parts.append(_spread(preparation, values, FEATURES))
    return OnnxPart(
        nodes=[node for part in parts for node in part.nodes],
        constants=[constant for part in parts for constant in part.constants],
    )


def _filled(preparation: Preparation) -> OnnxPart:
    """`filled`: the columns (n, columns) without missing values, except those that may stay."""
    columns = len(preparation.categories)
    fill = np.full(columns, np.nan, np.float32)
    if preparation.fill is not None:
        fill[:] = preparation.fill
        fill[np.array(preparation.categories) > 0] = np.nan  # all of its columns are 0
    for column, numbers in enumerate(preparation.levels):
        if numbers:
            fill[column] = len(numbers) - 1
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "fill", "features"], ["filled"]),
    ]
    return OnnxPart(nodes, [_tensor("fill", fill.reshape(1, -1))])


def _with_levels(preparation: Preparation, values: str) -> OnnxPart:
    """`with_levels`: the columns, then a column of numbers for each feature with `levels`."""
    columns = [column for column, numbers in enumerate(preparation.levels) if numbers]
    tables = [np.array(preparation.levels[column], np.float32) for column in columns]
    offsets = np.cumsum([0, *(len(table) for table in tables)])[:-1]
    nodes = [
        helper.make_node("Gather", [values, "level_columns"], ["level_values"], axis=1),
        helper.make_node("Cast", ["level_values"], ["levels"], to=TensorProto.INT64),
        helper.make_node("Add", ["levels", "level_offsets"], ["level_positions"]),
        helper.make_node("Gather", ["level_table", "level_positions"], ["level_numbers"], axis=0),
        helper.make_node("Concat", [values, "level_numbers"], ["with_levels"], axis=1),
    ]
    constants = [
        _tensor("level_columns", np.array(columns, np.int64)),
        _tensor("level_offsets", offsets.astype(np.int64).reshape(1, -1)),
        _tensor("level_table", np.concatenate(tables)),
    ]
    return OnnxPart(nodes, constants)


def _indicators(preparation: Preparation) -> OnnxPart:
    """FEATURES: all other columns, then those that say where a value was missing."""
    nodes = [
        helper.make_node("Gather", ["missing", "indicator_columns"], ["missing_in"], axis=1),
        helper.make_node("Cast", ["missing_in"], ["missing_indicators"], to=TensorProto.FLOAT),
        helper.make_node(
            "Concat", ["without_indicators", "missing_indicators"], [FEATURES], axis=1
        ),
    ]
    return OnnxPart(
        nodes, [_tensor("indicator_columns", np.array(preparation.indicators, np.int64))]
    )


def _spread(preparation: Preparation, values: str, result: str) -> OnnxPart:
    """`result`: each column, or its number, or a column of 0 and 1 for each of its categories.

    The number of nodes does not depend on the number of columns: each node takes time.
    """
    if not preparation.levels and not any(preparation.categories):
        return OnnxPart([helper.make_node("Identity", [values], [result])])
    columns = len(preparation.categories)
    numbered = [column for column, numbers in enumerate(preparation.levels) if numbers]
    sources: list[int] = []
    categories: list[float] = []
    for column, count in enumerate(preparation.categories):
        place = columns + numbered.index(column) if column in numbered else column
        sources += [place] * (count or 1)
        categories += list(range(count)) if count else [-1]
    is_category = np.array(categories) >= 0
    if not is_category.any():
        nodes = [helper.make_node("Gather", [values, "sources"], [result], axis=1)]
        return OnnxPart(nodes, [_tensor("sources", np.array(sources, np.int64))])
    nodes = [
        helper.make_node("Gather", [values, "sources"], ["spread"], axis=1),
        helper.make_node("Equal", ["spread", "categories"], ["equal"]),
        helper.make_node("Cast", ["equal"], ["indicators"], to=TensorProto.FLOAT),
        helper.make_node("Where", ["is_category", "indicators", "spread"], [result]),
    ]
    constants = [
        _tensor("sources", np.array(sources, np.int64)),
        _tensor("categories", np.array(categories, np.float32).reshape(1, -1)),
        _tensor("is_category", is_category.reshape(1, -1)),
    ]
    return OnnxPart(nodes, constants)


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
