"""How a model lies in MLflow: its ONNX flavor, with the bundle's other files beside the graph."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnx
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec
from mlflow.utils import requirements_utils
from numpy.typing import NDArray

NEEDED = ("onnxruntime", "numpy")  # by whoever loads a version with MLflow


class Flavor:
    """MLflow's ONNX flavor, with the bundle's other files laid beside the graph."""

    @staticmethod
    def save_model(
        path: str,
        mlflow_model: Model,
        files: dict[str, bytes],
        signature: ModelSignature,
        example: NDArray[np.float32],
        **_: Any,
    ) -> None:
        """Write the model folder: everything that serves or explains, and MLflow's description of it.

        MLflow would ask all packages of this environment which modules they hold, for most of a second, only to look these up.
        """
        requirements_utils._MODULES_TO_PACKAGES = {name: [name] for name in ("mlflow", *NEEDED)}
        mlflow.onnx.save_model(
            onnx.load_from_string(files["model.onnx"]), path, mlflow_model=mlflow_model, signature=signature,
            input_example=example, pip_requirements=[*NEEDED], onnx_execution_providers=["CPUExecutionProvider"],
        )  # fmt: skip
        for name, content in files.items():
            (Path(path) / name).write_bytes(content)


def signature_of(columns: tuple[str, ...]) -> ModelSignature:
    """One matrix of features in, one score a row out."""
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, len(columns)), "features")]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1,), "score")]),
    )
