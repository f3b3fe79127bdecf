"""The MLflow model flavor: an ONNX model with the other files of the bundle beside the graph."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnx
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec
from mlflow.utils import requirements_utils
from numpy.typing import NDArray

REQUIREMENTS = ("onnxruntime", "numpy")  # of a process that loads a version with MLflow


class Flavor:
    """MLflow's ONNX flavor, with the other files of the bundle beside the graph."""

    @staticmethod
    def save_model(
        path: str,
        mlflow_model: Model,
        files: dict[str, bytes],
        signature: ModelSignature,
        example: NDArray[np.float32],
        **_: Any,
    ) -> None:
        """Write the model folder: the bundle's files, and MLflow's description of the model."""
        # To look up these few packages, MLflow would ask every installed package for its modules,
        # which takes most of a second.
        packages = ("mlflow", *REQUIREMENTS)
        requirements_utils._MODULES_TO_PACKAGES = {name: [name] for name in packages}
        mlflow.onnx.save_model(
            onnx.load_from_string(files["model.onnx"]),
            path,
            mlflow_model=mlflow_model,
            signature=signature,
            input_example=example,
            pip_requirements=list(REQUIREMENTS),
            onnx_execution_providers=["CPUExecutionProvider"],
        )
        for name, content in files.items():
            (Path(path) / name).write_bytes(content)


def signature_of(columns: tuple[str, ...]) -> ModelSignature:
    """Return the signature: a matrix of features (n, columns) in, scores (n,) out."""
    float32 = np.dtype(np.float32)
    features = TensorSpec(float32, (-1, len(columns)), "features")
    score = TensorSpec(float32, (-1,), "score")
    return ModelSignature(inputs=Schema([features]), outputs=Schema([score]))
