"""What MLflow calls Production, over its REST API: light enough for the scoring server, which never imports MLflow."""

from collections.abc import Sequence
from typing import Any

import httpx

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import FILES, WARM_UP
from pipelines.settings import Settings

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
LARGEST_WARM_UP = 2**24
ALIAS, CHALLENGER = "production", "staging"  # what serves, and the candidate that passed the gates


class Production:
    """The registry as a reader: which version an alias names, and a version's serving files."""

    def __init__(
        self, tracking_uri: str, *, user: str = "", password: str = "", timeout: float = 10
    ) -> None:
        auth = httpx.BasicAuth(user, password) if user else None
        self._client = httpx.Client(base_url=tracking_uri, auth=auth, timeout=timeout)

    @classmethod
    def of(cls, settings: Settings, *, timeout: float = 60) -> "Production":
        """The registry that `settings` names, with its account."""
        user, password = settings.mlflow_tracking_username, settings.mlflow_tracking_password
        return cls(settings.mlflow_tracking_uri, user=user, password=password, timeout=timeout)

    def version(self, use_case: str, alias: str = ALIAS) -> int | None:
        """The version an alias names, None when there is no such alias yet; httpx.HTTPError when MLflow is away."""
        # The route that asks for one alias answers 403 to a reader while there is no such model, as if it were forbidden.
        answer = self._client.get(
            "/api/2.0/mlflow/registered-models/search", params={"filter": f"name = '{use_case}'"}
        )
        aliases = [
            each
            for model in _json(answer).get("registered_models", ())
            for each in model.get("aliases", ())
        ]
        return next((int(each["version"]) for each in aliases if each["alias"] == alias), None)

    def fetch(self, use_case: str, version: int, names: Sequence[str] = FILES) -> dict[str, bytes]:
        """Download files of a version, by default those that serve: name → content."""
        folder = self._folder(use_case, version)
        return {name: self._file(f"{folder}/{name}") for name in names}

    def warm_up(self, use_case: str, version: int) -> bytes | None:
        """Download a version's warm-up; None when it has none, or a strangely large one. Nothing rests on it."""
        try:
            path = f"{ARTIFACTS}/{self._folder(use_case, version)}/{WARM_UP}"
            with self._client.stream("GET", path) as answer:
                answer.raise_for_status()
                content = b""
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > LARGEST_WARM_UP:
                        return None
                return content
        except httpx.HTTPError:
            return None

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __enter__(self) -> "Production":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _folder(self, use_case: str, version: int) -> str:
        answer = self._client.get(
            "/api/2.0/mlflow/model-versions/get-download-uri",
            params={"name": use_case, "version": str(version)},
        )
        uri = str(_json(answer)["artifact_uri"])
        scheme, _, path = uri.partition(":/")
        if scheme != "mlflow-artifacts":
            raise ModelRejected(
                f"{use_case} version {version} lies at {uri}: start MLflow with --serve-artifacts"
            )
        return path.strip("/")

    def _file(self, path: str) -> bytes:
        answer = self._client.get(f"{ARTIFACTS}/{path}")
        answer.raise_for_status()
        return answer.content


def _json(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    return dict(answer.json())
