"""A model folder that MLflow can load, with every file of the bundle in it."""

from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.models import Model

from pipelines.rules.model.bundle import FILES
from pipelines.stores.mlflow_flavor import REQUIREMENTS, Flavor, signature_of
from tests.unit.serving import made

COLUMNS = made.FRAUD.columns


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved model."""
    Flavor.save_model(
        path=str(tmp_path / "model"),
        mlflow_model=Model(),
        files=made.files(bias=-2),
        signature=signature_of(COLUMNS),
        example=np.zeros((2, len(COLUMNS)), np.float32),
    )
    return tmp_path / "model"


def test_the_signature_has_one_row_of_features_for_each_score() -> None:
    signature = signature_of(("amount", "count"))
    assert signature.inputs.inputs[0].shape == (-1, 2)
    assert signature.outputs.inputs[0].shape == (-1,)
    assert signature.inputs.input_names() == ["features"]


def test_mlflow_loads_the_folder_and_scores_as_the_graph_does(folder: Path) -> None:
    model = mlflow.pyfunc.load_model(str(folder))
    answer = model.predict(np.zeros((3, len(COLUMNS)), np.float32))
    scores = np.asarray(next(iter(answer.values())) if isinstance(answer, dict) else answer)
    assert scores.size == 3
    assert np.ptp(scores) == 0


def test_every_file_of_the_bundle_is_there_as_it_was(folder: Path) -> None:
    files = made.files(bias=-2)
    assert set(FILES) <= set(files)
    assert {name: (folder / name).read_bytes() for name in files} == files


def test_who_loads_the_folder_needs_few_packages(folder: Path) -> None:
    lines = (folder / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in lines}
    assert names == {"mlflow", *REQUIREMENTS} or names == set(REQUIREMENTS)
