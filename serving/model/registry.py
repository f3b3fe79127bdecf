"""The registries that models are loaded from: MLflow, or a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import FILES, WARM_UP
from pipelines.stores.registry_client import ALIAS


class RegistryReader(Protocol):
    """Reads a registry; `pipelines.stores.registry_client.Production` reads MLflow."""

    def version(self, use_case: str) -> int | None:
        """Return the Production version, None when there is none.

        Raises httpx.HTTPError or OSError when the registry is not reachable.
        """

    def fetch(self, use_case: str, version: int, names: Sequence[str] = FILES) -> dict[str, bytes]:
        """Return files of a version as name → content; by default those needed for scoring."""

    def warm_up(self, use_case: str, version: int) -> bytes | None:
        """Return a version's warm-up, None when it has none; raises nothing."""


class FolderRegistry:
    """A registry in a folder.

    `<root>/<use_case>/production` holds a version number, and `<root>/<use_case>/<version>/` the
    files of that version.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def version(self, use_case: str) -> int | None:
        """Read the alias; FileNotFoundError when the root folder does not exist."""
        if not self._root.is_dir():
            raise FileNotFoundError(f"the model folder {self._root} does not exist")
        alias = self._root / use_case / ALIAS
        return int(alias.read_text()) if alias.exists() else None

    def fetch(self, use_case: str, version: int, names: Sequence[str] = FILES) -> dict[str, bytes]:
        """Read files of a version; ModelRejected when one is missing."""
        folder = self._folder(use_case, version)
        try:
            return {name: (folder / name).read_bytes() for name in names}
        except FileNotFoundError as error:
            raise ModelRejected(f"{use_case} version {version} has no {error.filename}") from error

    def warm_up(self, use_case: str, version: int) -> bytes | None:
        """Read the warm-up of a version, if it has one."""
        file = self._folder(use_case, version) / WARM_UP
        return file.read_bytes() if file.exists() else None

    def _folder(self, use_case: str, version: int) -> Path:
        return self._root / use_case / str(version)
