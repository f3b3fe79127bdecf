"""The MLflow model registry, as retraining and promotion write it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """A nested MLflow run: a candidate, or one set of parameters that was tried for it."""

    name: str
    params: dict[str, Any]
    metrics: dict[str, float]
    below: tuple["Nested", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a training run logs for people: nested runs, plots by file name, and the model card."""

    params: dict[str, Any]
    metrics: dict[str, float]
    below: tuple[Nested, ...]
    figures: dict[str, Figure]
    card: str


@dataclass(frozen=True, kw_only=True)
class Input:
    """A dataset that a run used.

    `context` is its purpose, `digest` its id, `path` its file, and `tags` say where it came from.
    """

    context: str
    digest: str
    path: Path
    tags: dict[str, str]


@dataclass(frozen=True)
class Registered:
    """The MLflow run and the version of a registered model."""

    mlflow_run_id: str
    version: int


class ModelRegistry:
    """Registered models, their runs, and the alias of the version in Production."""

    def __init__(self, settings: Settings) -> None:
        mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
        if settings.mlflow_tracking_username:
            # MLflow's client reads credentials from the environment only.
            os.environ["MLFLOW_TRACKING_USERNAME"] = settings.mlflow_tracking_username
            os.environ["MLFLOW_TRACKING_PASSWORD"] = settings.mlflow_tracking_password
        self._client = MlflowClient(settings.mlflow_tracking_uri)

    def find(self, use_case: str, run_id: str) -> Registered | None:
        """Return the model that a retraining run has registered, so that a retry registers none."""
        versions = self._client.search_model_versions(
            f"name = '{use_case}' AND tag.`{RUN_TAG}` = '{run_id}'"
        )
        if not versions:
            return None
        return Registered(versions[0].run_id, int(versions[0].version))

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
        """Log a training run with its datasets and nested runs, and register the model."""
        # set_experiment also creates the experiment; of two runs that create it at the same time,
        # only one has it set, so the id is passed on.
        experiment = mlflow.set_experiment(use_case)
        with mlflow.start_run(
            experiment_id=experiment.experiment_id, run_name=run_id, tags={RUN_TAG: run_id, **tags}
        ) as run:
            _log_account(account)
            for dataset in data:
                _log_input(f"{use_case}-{dataset.context}", dataset, columns, label)
            model = Model.log(
                artifact_path=None,
                name="model",
                flavor=Flavor,
                files=files,
                signature=signature_of(columns),
                example=example,
            )
            self._log_nested(run.info.experiment_id, run.info.run_id, account.below)
        version = self._client.create_model_version(
            use_case,
            source=model.model_uri,
            run_id=run.info.run_id,
            model_id=model.model_id,
            tags={RUN_TAG: run_id, "stage": "challenger", **tags},
            description=account.card,
        )
        return Registered(run.info.run_id, int(version.version))

    def _log_nested(self, experiment_id: str, parent: str, runs: tuple[Nested, ...]) -> None:
        for nested in runs:
            run = self._client.create_run(
                experiment_id, run_name=nested.name, tags={MLFLOW_PARENT_RUN_ID: parent}
            )
            run_id = run.info.run_id
            time = run.info.start_time
            params = [Param(name, str(value)) for name, value in nested.params.items()]
            metrics = [Metric(name, value, time, 0) for name, value in nested.metrics.items()]
            self._client.log_batch(run_id, metrics=metrics, params=params)
            self._log_nested(experiment_id, run_id, nested.below)
            self._client.set_terminated(run_id)

    def ensure(self, use_case: str) -> None:
        """Create the registered model unless it exists; another run may create it meanwhile."""
        if self._client.search_registered_models(f"name = '{use_case}'"):
            return
        try:
            self._client.create_registered_model(use_case)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def attach(self, use_case: str, version: int, name: str, content: bytes) -> None:
        """Add a file to those of a version."""
        model_version = self._client.get_model_version(use_case, str(version))
        _, _, model_id = model_version.source.rpartition("/")  # the source is models:/m-…
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            file.write_bytes(content)
            self._client.log_model_artifact(model_id, str(file))

    def add_file(self, mlflow_run_id: str, folder: str, name: str, content: bytes) -> None:
        """Write a file to a folder of a run, replacing one of the same name."""
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary) / name
            file.write_bytes(content)
            self._client.log_artifact(mlflow_run_id, str(file), folder)

    def point(self, use_case: str, version: int | None, alias: str = ALIAS) -> None:
        """Set an alias to a version, or remove it with None."""
        if version is None:
            self._client.delete_registered_model_alias(use_case, alias)
        else:
            self._client.set_registered_model_alias(use_case, alias, str(version))

    def release(self, use_case: str, version: int) -> None:
        """Remove the challenger alias if it names this version."""
        aliases = self._client.get_registered_model(use_case).aliases
        if str(aliases.get(CHALLENGER)) == str(version):
            self._client.delete_registered_model_alias(use_case, CHALLENGER)

    def tag(self, use_case: str, version: int, key: str, value: str) -> None:
        """Set a tag of a model version."""
        self._client.set_model_version_tag(use_case, str(version), key, value)


def _log_account(account: Account) -> None:
    mlflow.log_params(account.params)
    mlflow.log_metrics(account.metrics)
    for name, figure in account.figures.items():
        mlflow.log_figure(figure, f"figures/{name}")
    mlflow.log_text(account.card, "model_card.md")


def _log_input(name: str, data: Input, columns: tuple[str, ...], label: str) -> None:
    features = [ColSpec("double", column) for column in columns]
    dataset = MetaDataset(
        LocalArtifactDatasetSource(str(data.path)),
        name=name,
        digest=data.digest,
        schema=Schema([*features, ColSpec("integer", label)]),
    )
    try:
        mlflow.log_input(dataset, data.context, data.tags)
    except MlflowException:
        # Of two runs that create the same dataset at the same time one fails; then it exists.
        mlflow.log_input(dataset, data.context, data.tags)
