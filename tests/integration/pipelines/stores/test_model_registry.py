"""What MLflow shows of a registered model."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.settings import Settings


def runs_below(client: Any, info: Any) -> list[Any]:
    """The nested runs of an MLflow run."""
    found = client.search_runs([info.experiment_id], f"tags.mlflow.parentRunId = '{info.run_id}'")
    return list(found)


def test_a_registered_model_carries_its_run_dataset_signature_and_files(settings: Settings) -> None:
    import mlflow

    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    client = mlflow.MlflowClient()
    version = client.get_model_version("fraud", "1")
    logged = client.get_run(version.run_id)
    assert logged.data.metrics.keys() >= {"average_precision", "roc_auc", "brier", "f1"}
    trained, judged = sorted(
        logged.inputs.dataset_inputs, key=lambda each: each.dataset.name, reverse=True
    )
    assert (trained.dataset.name, judged.dataset.name) == ("fraud-training", "fraud-evaluation")
    lineage = {tag.key: tag.value for tag in trained.tags}
    assert (
        lineage.items()
        >= {"mlflow.data.context": "training", "rows": "21000", "history": "reference"}.items()
    )
    assert lineage["from"] < lineage["tune_from"] < lineage["to"]
    assert (
        Path(json.loads(trained.dataset.source)["uri"]).name == f"{trained.dataset.digest}.parquet"
    )
    assert version.tags.keys() >= {"contract_hash", "digest", "threshold", "git_sha", "stage"}
    assert version.description.startswith("# ")
    assert version.aliases == [], "another version is Production by now"
    figures = {file.path for file in client.list_artifacts(version.run_id, "figures")}
    assert len(figures) == 5
    below = {run.data.tags["mlflow.runName"]: run for run in runs_below(client, logged.info)}
    assert below.keys() == {"logistic", "xgboost"}
    tried = runs_below(client, below["xgboost"].info)
    assert len(tried) == 4, "as many as the policy's trials"
    assert all(
        "average_precision" in run.data.metrics and "max_depth" in run.data.params for run in tried
    )
    model = mlflow.pyfunc.load_model("models:/fraud/1")
    assert model.metadata.signature is not None
    assert model.input_example["features"].shape == (5, 18)
    score = model.predict(np.zeros((2, 18), np.float32))
    assert np.asarray(list(score.values()) if isinstance(score, dict) else score).size == 2
