"""Models on this machine's disk: what served last can serve again while MLflow or the database is away."""

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
    """One use case's models: `<folder>/<digest>/` holds the files, `served.json` names what served last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = folder / "served.json"

    def get(self, served: Served) -> dict[str, bytes] | None:
        """A model's files, None when they are not here whole; its warm-up too if that is here."""
        folder = self._folder / served.digest
        try:
            files = {name: (folder / name).read_bytes() for name in FILES}
            if (folder / WARM_UP).exists():
                files[WARM_UP] = (folder / WARM_UP).read_bytes()
            return files if digest(files) == served.digest else None
        except (OSError, ModelRejected):
            return None

    def put(self, served: Served, files: Mapping[str, bytes]) -> None:
        """Keep a model that serves and remember that it does; only the newest few are kept."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store(self._folder / served.digest, files)
        new = self._last.with_suffix(f".{os.getpid()}")
        new.write_bytes(msgspec.json.encode(served))
        new.replace(self._last)
        self._prune(keep=served.digest)

    def last(self) -> Served | None:
        """What served last."""
        try:
            return msgspec.json.decode(self._last.read_bytes(), type=Served)
        except (OSError, msgspec.DecodeError):
            return None

    def _store(self, there: Path, files: Mapping[str, bytes]) -> None:
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=self._folder))
        for name in (*FILES, WARM_UP):
            if name in files:
                (making / name).write_bytes(files[name])
        shutil.rmtree(there, ignore_errors=True)
        try:
            making.rename(there)
        except OSError:  # another replica was first
            shutil.rmtree(making, ignore_errors=True)

    def _prune(self, *, keep: str) -> None:
        models = sorted(
            (path for path in self._folder.iterdir() if path.is_dir()),
            key=lambda path: path.stat().st_mtime,
        )
        for old in models[:-KEPT]:
            if old.name != keep:
                shutil.rmtree(old, ignore_errors=True)
