"""What tests do to the PostgreSQL and MLflow servers that they started."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from stack import temporary_services
from stack.registry_server.launch import Passwords
from stack.temporary_services import RunningRegistry

Overwrite = Callable[[str, int, str, bytes], None]


def name_of(database_url: str) -> str:
    """The name of the database that a URL leads to."""
    return str(conninfo_to_dict(database_url)["dbname"])


@contextlib.contextmanager
def signed_in(passwords: Passwords) -> Iterator[None]:
    """This process, and those that it starts, sign in to MLflow as steps do."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in temporary_services.sign_in(passwords).items():
            patch.setenv(name, value)
        yield


def forget_models(mlflow: RunningRegistry) -> None:
    """Delete every registered model, so that the next version is number 1."""
    api = f"{mlflow.uri}/api/2.0/mlflow/registered-models"
    with _admin(mlflow) as admin:
        models = admin.get(f"{api}/search").raise_for_status().json().get("registered_models", [])
        for model in models:
            deleted = admin.request("DELETE", f"{api}/delete", json={"name": model["name"]})
            deleted.raise_for_status()


@contextlib.contextmanager
def overwriting(mlflow: RunningRegistry) -> Iterator[Overwrite]:
    """Write over a file of a model's version, which MLflow's admin alone may do."""
    api = f"{mlflow.uri}/api/2.0"

    with _admin(mlflow) as admin:

        def write(use_case: str, version: int, name: str, content: bytes) -> None:
            query = {"name": use_case, "version": str(version)}
            answer = admin.get(f"{api}/mlflow/model-versions/get", params=query).json()
            _, _, model_id = answer["model_version"]["source"].rpartition("/")
            logged = admin.get(f"{api}/mlflow/logged-models/{model_id}").json()
            folder = logged["model"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
            file = f"{api}/mlflow-artifacts/artifacts/{folder}/{name}"
            admin.put(file, content=content).raise_for_status()

        yield write


def _admin(mlflow: RunningRegistry) -> httpx.Client:
    return httpx.Client(auth=("admin", mlflow.passwords.admin), timeout=20)
