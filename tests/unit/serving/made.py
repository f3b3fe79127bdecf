"""Models and rows made for the serving tests: a logistic graph is enough to tell versions apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipelines.records import Prediction
from pipelines.rules.model.bundle import EXPLAINERS, Bundle, Calibration, KnownAnswers, digest
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.settings import ROOT
from pipelines.use_case import read_contract
from serving.journal.journal import Journal, read, whole_lines

FRAUD = read_contract(ROOT / "reference" / "fraud")
THRESHOLD = 0.5


def graph(weights: NDArray[np.float32], bias: float) -> bytes:
    """sigmoid(w · features + b) with missing features as 0, as the bundle's format wants it."""
    constants = {
        "zero": np.float32(0),
        "w": weights.reshape(-1, 1).astype(np.float32),
        "b": np.array([bias], np.float32),
        "shape": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["filled"]),
        helper.make_node("Gemm", ["filled", "w", "b"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["probability"]),
        helper.make_node("Reshape", ["probability", "shape"], ["score"]),
    ]
    made = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def files(
    contract: Contract = FRAUD, *, bias: float = 0.0, wrong_by: float = 0.0
) -> dict[str, bytes]:
    """A bundle that leans on the first feature; `wrong_by` spoils its known answers."""
    weights = leaning(contract)
    rows = np.zeros((3, len(weights)))
    rows[:, 0] = (0, 100, 5000)
    scores = 1 / (1 + np.exp(-(rows @ weights.astype(np.float64) + bias))) + wrong_by
    bundle = Bundle(
        use_case=contract.use_case,
        contract_hash=contract.hash,
        columns=contract.columns,
        kind="logistic",
        calibration=Calibration(),
        threshold=THRESHOLD,
    )
    return {
        "model.onnx": graph(weights, bias),
        "bundle.json": msgspec.json.encode(bundle),
        "known_answers.json": msgspec.json.encode(KnownAnswers.of(rows, scores)),
    }


def explainer(contract: Contract = FRAUD, *, bias: float = 0.0) -> dict[str, bytes]:
    """What explains such a bundle."""
    weights, nothing = leaning(contract).tolist(), [0.0] * len(contract.columns)
    described = {"slopes": weights, "intercept": bias, "medians": nothing, "means": nothing}
    return {EXPLAINERS["logistic"]: msgspec.json.encode(described)}


def leaning(contract: Contract) -> NDArray[np.float32]:
    """Weights (columns,) of a model that leans on the first feature."""
    weights = np.zeros(len(contract.columns), np.float32)
    weights[0] = 0.001
    return weights


def served(made: dict[str, bytes], version: int = 1) -> Served:
    """The name that the ledger would give to these files."""
    return Served(version, digest(made))


def row(contract: Contract = FRAUD, **given: Any) -> dict[str, Any]:
    """A row that the contract accepts, with some values of the caller's."""
    return {feature.name: _value(feature) for feature in contract.features} | given


def journaled(journal: Journal) -> list[Prediction]:
    """What a journal holds, oldest first; what was open is closed."""
    journal.rotate()
    lines = [line for segment in journal.closed() for line in whole_lines(segment).splitlines()]
    return [prediction for line in lines for prediction in read(line).predictions()]


def put(root: Path, use_case: str, version: int, made: dict[str, bytes]) -> None:
    """Lay a version into a FolderRegistry."""
    folder = root / use_case / str(version)
    folder.mkdir(parents=True)
    for name, content in made.items():
        (folder / name).write_bytes(content)


def point(root: Path, use_case: str, version: int) -> None:
    """Move the alias of a FolderRegistry, in one step."""
    new = root / use_case / "production.new"
    new.write_text(str(version))
    new.replace(root / use_case / "production")


def _value(feature: Feature) -> Any:
    if feature.type == "category":
        return feature.values[0]
    return False if feature.type == "bool" else int(feature.range[0]) if feature.range else 0
