"""A read-only client of MLflow's model registry over its REST API.

The scoring server uses it, because importing MLflow would be too slow and too large.
"""

from collections.abc import Sequence
from typing import Any

import httpx

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import FILES, WARM_UP
from pipelines.settings import Settings

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
MAX_WARM_UP_BYTES = 2**24
ALIAS = "production"  # the version that serves
CHALLENGER = "staging"  # the candidate that passed the gates


class RegistryClient:
    """Reads which version an alias names, and downloads the files of a version."""

    def __init__(
        self, tracking_uri: str, *, user: str = "", password: str = "", timeout: float = 10
    ) -> None:
        auth = httpx.BasicAuth(user, password) if user else None
        self._client = httpx.Client(base_url=tracking_uri, auth=auth, timeout=timeout)

    @classmethod
    def of(cls, settings: Settings, *, timeout: float = 60) -> "RegistryClient":
        """Make a client of the registry that `settings` names, with its credentials."""
        return cls(
            settings.mlflow_tracking_uri,
            user=settings.mlflow_tracking_username,
            password=settings.mlflow_tracking_password,
            timeout=timeout,
        )

    def version(self, use_case: str, alias: str = ALIAS) -> int | None:
        """Return the version that an alias names; None when the alias or the model does not exist.

        Raises httpx.HTTPError when MLflow does not answer.
        """
        # The route for one alias answers 403 to a reader when the model does not exist.
        response = self._client.get(
            f"{API}/registered-models/search", params={"filter": f"name = '{use_case}'"}
        )
        for model in _json(response).get("registered_models", ()):
            for entry in model.get("aliases", ()):
                if entry["alias"] == alias:
                    return int(entry["version"])
        return None

    def fetch(self, use_case: str, version: int, names: Sequence[str] = FILES) -> dict[str, bytes]:
        """Download files of a version, by default those that serve; return content by name."""
        folder = self._folder(use_case, version)
        return {name: self._file(f"{folder}/{name}") for name in names}

    def warm_up(self, use_case: str, version: int) -> bytes | None:
        """Download the warm-up requests of a version; None when that fails or they are too large.

        They are optional: without them the first requests are slower.
        """
        try:
            path = f"{ARTIFACTS}/{self._folder(use_case, version)}/{WARM_UP}"
            with self._client.stream("GET", path) as response:
                response.raise_for_status()
                content = b""
                for part in response.iter_bytes():
                    content += part
                    if len(content) > MAX_WARM_UP_BYTES:
                        return None
                return content
        except httpx.HTTPError:
            return None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> "RegistryClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _folder(self, use_case: str, version: int) -> str:
        """Return the artifact path of a version; raises ModelRejected if MLflow can't serve it."""
        response = self._client.get(
            f"{API}/model-versions/get-download-uri",
            params={"name": use_case, "version": str(version)},
        )
        uri = str(_json(response)["artifact_uri"])
        scheme, _, path = uri.partition(":/")
        if scheme != "mlflow-artifacts":
            raise ModelRejected(
                f"{use_case} version {version} is stored at {uri}: "
                "start MLflow with --serve-artifacts"
            )
        return path.strip("/")

    def _file(self, path: str) -> bytes:
        response = self._client.get(f"{ARTIFACTS}/{path}")
        response.raise_for_status()
        return response.content


def _json(response: httpx.Response) -> dict[str, Any]:
    response.raise_for_status()
    return dict(response.json())
