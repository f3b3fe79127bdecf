"""What a reader learns from a real MLflow: which version an alias names, and its files."""

from collections.abc import Iterator

import httpx
import pytest

from pipelines.context import Context
from pipelines.rules.model.bundle import FILES, WARM_UP, digest
from pipelines.stores.registry_client import CHALLENGER, RegistryClient


@pytest.fixture
def client(trained: Context) -> Iterator[RegistryClient]:
    with RegistryClient.of(trained.settings) as client:
        yield client


@pytest.mark.parametrize(
    ("use_case", "alias", "version"),
    [
        pytest.param("fraud", "production", 2, id="who serves"),
        pytest.param("fraud", CHALLENGER, None, id="an alias that names no version"),
        pytest.param("cats", "production", None, id="a model that does not exist"),
    ],
)
def test_an_alias_names_a_version_or_none(
    client: RegistryClient, use_case: str, alias: str, version: int | None
) -> None:
    assert client.version(use_case, alias) == version


def test_files_are_those_that_were_registered(client: RegistryClient, trained: Context) -> None:
    for version in (1, 2):
        files = client.fetch("fraud", version)
        assert set(files) == set(FILES)
        assert digest(files) == trained.models.get("fraud", version).digest


def test_a_missing_version_or_file_is_the_registry_s_error(client: RegistryClient) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        client.fetch("fraud", 999)
    with pytest.raises(httpx.HTTPStatusError):
        client.fetch("fraud", 1, ["nothing.txt"])


def test_warm_up_requests_are_optional_and_bounded(
    client: RegistryClient, trained: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = client.warm_up("fraud", 2)
    assert content is not None
    assert content == client.fetch("fraud", 2, [WARM_UP])[WARM_UP]
    monkeypatch.setattr("pipelines.stores.registry_client.MAX_WARM_UP_BYTES", len(content) - 1)
    assert client.warm_up("fraud", 2) is None, "larger than is read"
    assert client.warm_up("fraud", 999) is None
    with RegistryClient("http://127.0.0.1:9") as nowhere:
        assert nowhere.warm_up("fraud", 2) is None, "nobody answers"


def test_a_reader_without_the_password_learns_nothing(trained: Context) -> None:
    with (
        RegistryClient(trained.settings.mlflow_tracking_uri, user="steps", password="guess") as it,
        pytest.raises(httpx.HTTPStatusError, match="401"),
    ):
        it.version("fraud")
