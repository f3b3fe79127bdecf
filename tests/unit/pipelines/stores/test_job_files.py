"""The folders of uploaded files; a name there is never followed as a link."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from pipelines.errors import DataError
from pipelines.settings import Settings
from pipelines.stores.job_files import JobFiles, job_folders

JOB = UUID(int=3)


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles.of(Settings(home=tmp_path), "fraud", JOB)


def test_only_the_owner_may_read_an_uploaded_file(files: JobFiles) -> None:
    os.close(files.create("csv"))
    assert files.rows("csv").stat().st_mode & 0o777 == 0o600
    assert files.folder.stat().st_mode & 0o777 == 0o700
    assert files.require_rows("csv") == files.rows("csv")
    with pytest.raises(FileExistsError):
        files.create("csv")


def test_a_link_in_the_place_of_the_file_or_of_its_folder_is_not_followed(
    files: JobFiles, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("amount\n1\n")
    files.folder.mkdir(parents=True)
    files.rows("csv").symlink_to(secret)
    with pytest.raises(DataError, match="is gone: upload it again"):
        files.require_rows("csv")
    files.remove()
    other = tmp_path / "other"
    other.mkdir()
    (other / "rows.csv").write_text("amount\n1\n")
    files.folder.symlink_to(other)
    with pytest.raises(DataError, match="is gone"):
        files.require_rows("csv")
    files.remove()
    assert (other / "rows.csv").exists()
    assert secret.exists()


def test_the_rows_go_and_the_result_stays(files: JobFiles) -> None:
    os.close(files.create("parquet"))
    files.scored("parquet").write_text("x")
    files.remove_rows("parquet")
    files.remove_rows("parquet")
    assert [path.name for path in files.folder.iterdir()] == ["scored.parquet"]


def test_folders_are_listed_with_their_times(files: JobFiles, tmp_path: Path) -> None:
    os.close(files.create("csv"))
    (files.folder.parent / "something").mkdir()
    ((job, written),) = job_folders(Settings(home=tmp_path), "fraud")
    assert job == JOB
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)
    assert list(job_folders(Settings(home=tmp_path), "loans")) == []
