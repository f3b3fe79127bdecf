"""Where models come from: MLflow, or a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import FILES, WARM_UP
from pipelines.stores.registry_client import ALIAS


class RegistryReader(Protocol):
    """The registry as a reader; `pipelines.stores.registry_client.Production` is the one on MLflow."""

    def version(self, use_case: str) -> int | None:
        """The version that is Production, None when none is; httpx.HTTPError or OSError when the registry is away."""

    def fetch(self, use_case: str, version: int, names: Sequence[str] = FILES) -> dict[str, bytes]:
        """Files of a version, by default those that serve: name → content."""

    def warm_up(self, use_case: str, version: int) -> bytes | None:
        """A version's warm-up, if it has one; raises nothing."""


class FolderRegistry:
    """`<root>/<use_case>/production` holds a version number, `<root>/<use_case>/<version>/` that version's files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def version(self, use_case: str) -> int | None:
        """Read the alias; the root that is not there is a registry that is away."""
        if not self._root.is_dir():
            raise FileNotFoundError(f"the folder of models {self._root} is away")
        alias = self._root / use_case / ALIAS
        return int(alias.read_text()) if alias.exists() else None

    def fetch(self, use_case: str, version: int, names: Sequence[str] = FILES) -> dict[str, bytes]:
        """Read the files."""
        folder = self._root / use_case / str(version)
        try:
            return {name: (folder / name).read_bytes() for name in names}
        except FileNotFoundError as error:
            raise ModelRejected(f"{use_case} version {version} has no {error.filename}") from error

    def warm_up(self, use_case: str, version: int) -> bytes | None:
        """Read it."""
        file = self._root / use_case / str(version) / WARM_UP
        return file.read_bytes() if file.exists() else None
