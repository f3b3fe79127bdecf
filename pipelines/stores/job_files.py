"""The folders of uploaded files: one a job, with the file, and later the scored file.

<jobs>/<use case>/<job id>/rows.csv or rows.parquet   as it was uploaded, removed when it is scored
<jobs>/<use case>/<job id>/scored.csv or .parquet     the scored file

The scoring server and the steps are processes of different rights that share these folders, so a
name there is never followed as a link.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pipelines.errors import DataError
from pipelines.settings import Settings

ROWS = "rows"
SCORED = "scored"


@dataclass(frozen=True)
class JobFiles:
    """The files of one job."""

    folder: Path

    @classmethod
    def of(cls, settings: Settings, use_case: str, job_id: UUID) -> "JobFiles":
        """Return the files of a job under the folder of `settings`."""
        return cls(settings.jobs_root / use_case / str(job_id))

    def rows(self, form: str) -> Path:
        """Return the path of the uploaded file."""
        return self.folder / f"{ROWS}.{form}"

    def scored(self, form: str) -> Path:
        """Return the path of the scored file."""
        return self.folder / f"{SCORED}.{form}"

    def create(self, form: str) -> int:
        """Create the uploaded file, which only its owner may read; return its descriptor."""
        self.folder.mkdir(mode=0o700, parents=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self.rows(form), flags, 0o600)

    def require_rows(self, form: str) -> Path:
        """Return the uploaded file; DataError when it is gone, or is no regular file."""
        path = self.rows(form)
        if _is_plain(self.folder, stat.S_ISDIR) and _is_plain(path, stat.S_ISREG):
            return path
        raise DataError("the uploaded file is gone: upload it again")

    def remove_rows(self, form: str) -> None:
        """Delete the uploaded file: its rows are in the scored file and in the quarantine."""
        self.rows(form).unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the folder of the job."""
        if self.folder.is_symlink():
            self.folder.unlink()
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def job_folders(settings: Settings, use_case: str) -> Iterator[tuple[UUID, datetime]]:
    """Yield the jobs of a use case that have a folder, and when it was written last."""
    for folder in sorted((settings.jobs_root / use_case).glob("*")):
        try:
            job_id = UUID(folder.name)
            modified = folder.lstat().st_mtime
        except (ValueError, FileNotFoundError):
            continue
        yield job_id, datetime.fromtimestamp(modified).astimezone()


def _is_plain(path: Path, is_kind: Callable[[int], bool]) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    return is_kind(mode)
