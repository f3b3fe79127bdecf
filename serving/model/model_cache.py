"""Models on the local disk, so that a replica can start while MLflow or the database is down."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import FILES, WARM_UP, digest
from pipelines.rules.promotion.ledger import Served

KEPT = 5


class ModelCache:
    """The models of one use case.

    `<folder>/<digest>/` holds a model's files. `served.json` names the model that served last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = folder / "served.json"

    def get(self, served: Served) -> dict[str, bytes] | None:
        """Return a model's files, with its warm-up if there is one.

        Returns None when a file is missing or the files do not have the digest of the model.
        """
        folder = self._folder / served.digest
        warm_up = folder / WARM_UP
        try:
            files = {name: (folder / name).read_bytes() for name in FILES}
            if warm_up.exists():
                files[WARM_UP] = warm_up.read_bytes()
            return files if digest(files) == served.digest else None
        except (OSError, ModelRejected):
            return None

    def put(self, served: Served, files: Mapping[str, bytes]) -> None:
        """Store a model and remember that it served last; only the newest `KEPT` are kept."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store(self._folder / served.digest, files)
        new = self._last.with_suffix(f".{os.getpid()}")
        new.write_bytes(msgspec.json.encode(served))
        new.replace(self._last)
        self._prune(keep=served.digest)

    def last(self) -> Served | None:
        """Return the model that served last."""
        try:
            return msgspec.json.decode(self._last.read_bytes(), type=Served)
        except (OSError, msgspec.DecodeError):
            return None

    def _store(self, target: Path, files: Mapping[str, bytes]) -> None:
        temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=self._folder))
        for name in (*FILES, WARM_UP):
            if name in files:
                (temporary / name).write_bytes(files[name])
        shutil.rmtree(target, ignore_errors=True)
        try:
            temporary.rename(target)
        except OSError:  # another replica stored it first
            shutil.rmtree(temporary, ignore_errors=True)

    def _prune(self, *, keep: str) -> None:
        folders = [path for path in self._folder.iterdir() if path.is_dir()]
        folders.sort(key=lambda path: path.stat().st_mtime)
        for old in folders[:-KEPT]:
            if old.name != keep:
                shutil.rmtree(old, ignore_errors=True)
