"""The model registry: MLflow, as the training side writes it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # a line per trial

import mlflow
import numpy as np
from matplotlib.figure import Figure
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, Schema
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from numpy.typing import NDArray

from pipelines.settings import Settings
from pipelines.stores.mlflow_flavor import Flavor, signature_of
from pipelines.stores.registry_client import ALIAS, CHALLENGER

RUN_TAG = "sixgate.run_id"


@dataclass(frozen=True, kw_only=True)
class Nested:
    """A run below another one: a candidate, or one set of parameters that was tried for it."""

    name: str
    params: dict[str, Any]
    metrics: dict[str, float]
    below: tuple["Nested", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a training run leaves for people, beside the model: the runs below it, pictures by file name, the model card."""

    params: dict[str, Any]
    metrics: dict[str, float]
    below: tuple[Nested, ...]
    figures: dict[str, Figure]
    card: str


@dataclass(frozen=True, kw_only=True)
class Input:
    """A dataset that a run used: what for, the name its content gives it, where it lies, and where it came from, in tags."""

    context: str
    digest: str
    path: Path
    tags: dict[str, str]


@dataclass(frozen=True)
class Registered:
    """Where a model landed."""

    mlflow_run_id: str
    version: int


class ModelRegistry:
    """Models, their runs, and the alias that says which one is Production."""

    def __init__(self, settings: Settings) -> None:
        mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
        if settings.mlflow_tracking_username:  # MLflow's client knows no other way to be told
            os.environ["MLFLOW_TRACKING_USERNAME"] = settings.mlflow_tracking_username
            os.environ["MLFLOW_TRACKING_PASSWORD"] = settings.mlflow_tracking_password
        self._client = MlflowClient(settings.mlflow_tracking_uri)

    def find(self, use_case: str, run_id: str) -> Registered | None:
        """What a lifecycle run has registered already, so that a retried step registers nothing twice."""
        found = self._client.search_model_versions(
            f"name = '{use_case}' AND tag.`{RUN_TAG}` = '{run_id}'"
        )
        return Registered(found[0].run_id, int(found[0].version)) if found else None

    def register(
        self,
        use_case: str,
        run_id: str,
        *,
        files: dict[str, bytes],
        account: Account,
        tags: dict[str, str],
        example: NDArray[np.float32],
        columns: tuple[str, ...],
        label: str,
        data: tuple[Input, ...],
    ) -> Registered:
        """Log an MLflow run with its datasets and all that was tried, and register the model it made."""
        experiment = mlflow.set_experiment(
            use_case
        )  # of two runs that make it at once, only one has it set
        with mlflow.start_run(
            experiment_id=experiment.experiment_id, run_name=run_id, tags={RUN_TAG: run_id, **tags}
        ) as run:
            mlflow.log_params(account.params)
            mlflow.log_metrics(account.metrics)
            for name, figure in account.figures.items():
                mlflow.log_figure(figure, f"figures/{name}")
            mlflow.log_text(account.card, "model_card.md")
            for each in data:
                _log_input(f"{use_case}-{each.context}", each, columns, label)
            logged = Model.log(
                artifact_path=None,
                name="model",
                flavor=Flavor,
                files=files,
                signature=signature_of(columns),
                example=example,
            )
            self._log_below(run.info.experiment_id, run.info.run_id, account.below)
        version = self._client.create_model_version(
            use_case, source=logged.model_uri, run_id=run.info.run_id, model_id=logged.model_id,
            tags={RUN_TAG: run_id, "stage": "challenger", **tags}, description=account.card,
        )  # fmt: skip
        return Registered(run.info.run_id, int(version.version))

    def _log_below(self, experiment_id: str, parent: str, runs: tuple[Nested, ...]) -> None:
        for nested in runs:
            run = self._client.create_run(
                experiment_id, run_name=nested.name, tags={MLFLOW_PARENT_RUN_ID: parent}
            )
            params = [Param(name, str(value)) for name, value in nested.params.items()]
            metrics = [
                Metric(name, value, run.info.start_time, 0)
                for name, value in nested.metrics.items()
            ]
            self._client.log_batch(run.info.run_id, metrics=metrics, params=params)
            self._log_below(experiment_id, run.info.run_id, nested.below)
            self._client.set_terminated(run.info.run_id)

    def ensure(self, use_case: str) -> None:
        """Make the registered model if it is not there; another run may be about to."""
        if self._client.search_registered_models(f"name = '{use_case}'"):
            return
        try:
            self._client.create_registered_model(use_case)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def attach(self, use_case: str, version: int, name: str, content: bytes) -> None:
        """Lay one more file beside those of a version."""
        model_id = self._client.get_model_version(use_case, str(version)).source.rpartition("/")[
            2
        ]  # models:/m-…
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / name).write_bytes(content)
            self._client.log_model_artifact(model_id, str(Path(folder) / name))

    def add_file(self, mlflow_run_id: str, folder: str, name: str, content: bytes) -> None:
        """Lay a file into a folder of a run, in place of one of that name."""
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / name).write_bytes(content)
            self._client.log_artifact(mlflow_run_id, str(Path(place) / name), folder)

    def point(self, use_case: str, version: int | None, alias: str = ALIAS) -> None:
        """Move an alias, or with None take it away."""
        if version is None:
            self._client.delete_registered_model_alias(use_case, alias)
        else:
            self._client.set_registered_model_alias(use_case, alias, str(version))

    def release(self, use_case: str, version: int) -> None:
        """Take the challenger's alias away from a version that has it."""
        aliases = self._client.get_registered_model(use_case).aliases
        if str(aliases.get(CHALLENGER)) == str(version):
            self._client.delete_registered_model_alias(use_case, CHALLENGER)

    def tag(self, use_case: str, version: int, key: str, value: str) -> None:
        """Set a tag of a model version."""
        self._client.set_model_version_tag(use_case, str(version), key, value)


def _log_input(name: str, data: Input, columns: tuple[str, ...], label: str) -> None:
    schema = Schema([ColSpec("double", column) for column in columns] + [ColSpec("integer", label)])
    dataset = MetaDataset(
        LocalArtifactDatasetSource(str(data.path)), name=name, digest=data.digest, schema=schema
    )
    try:
        mlflow.log_input(dataset, data.context, data.tags)
    except (
        MlflowException
    ):  # two runs that log the same data at once: it fails for one of them, and is there then
        mlflow.log_input(dataset, data.context, data.tags)
