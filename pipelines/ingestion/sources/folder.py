"""Lists and copies the files of a folder, or of a bucket that Arrow can read."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.fs

from pipelines.errors import SourceUnavailable
from pipelines.ingestion.sources.formats import is_supported

PIECE = 2**22  # bytes
# What other programs have not finished, or write beside the data.
HIDDEN = (".", "_")


@dataclass(frozen=True, kw_only=True)
class FolderFile:
    """A file below a folder, by its path from there."""

    name: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class FileCopy:
    """A local copy of a file, and the SHA-256 of its content."""

    path: Path
    digest: str


class Folder:
    """The files below `location` whose names match `pattern`.

    `location` is an absolute path or a URL such as `s3://bucket/folder`. Credentials of a bucket
    are those that Arrow finds in the environment.
    """

    def __init__(self, location: str, pattern: str) -> None:
        self.location = location.rstrip("/") or "/"
        self._pattern = pattern

    def files(self) -> list[FolderFile]:
        """List the files that have a reader, those that were changed first before the others.

        Files whose names begin with a point or an underscore are left out, also those in such
        folders. Raises SourceUnavailable when the folder can't be listed.
        """
        with self._answering():
            system, root = self._opened()
            infos = system.get_file_info(pyarrow.fs.FileSelector(root, recursive=True))
        listed = [
            FolderFile(
                name=name,
                size=info.size,
                modified_at=info.mtime.astimezone(UTC),
            )
            for info in infos
            if info.is_file and self._is_wanted(name := _below(root, info.path))
        ]
        return sorted(listed, key=lambda file: (file.modified_at, file.name))

    def copy(self, file: FolderFile, folder: Path) -> FileCopy:
        """Copy a file to `folder`, so that it does not change while it is read."""
        path = folder / PurePosixPath(file.name).name
        digest = hashlib.sha256()
        with self._answering():
            system, root = self._opened()
            with (
                system.open_input_stream(f"{root}/{file.name}", compression=None) as stream,
                path.open("wb") as copied,
            ):
                while piece := stream.read(PIECE):
                    digest.update(piece)
                    copied.write(piece)
        return FileCopy(path, digest.hexdigest())

    def _opened(self) -> tuple[pyarrow.fs.FileSystem, str]:
        if "://" not in self.location:
            return pyarrow.fs.LocalFileSystem(), self.location
        system, root = pyarrow.fs.FileSystem.from_uri(self.location)
        return system, root.rstrip("/")

    def _is_wanted(self, name: str) -> bool:
        parts = PurePosixPath(name).parts
        if any(part.startswith(HIDDEN) for part in parts):
            return False
        return fnmatchcase(name, self._pattern) and is_supported(Path(name))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise SourceUnavailable(
                f"the folder {self.location} can't be read: {reason}; nothing more was imported: "
                "check that it exists and that the steps may read it"
            ) from None


def _below(root: str, path: str) -> str:
    return path.removeprefix(root).lstrip("/")
