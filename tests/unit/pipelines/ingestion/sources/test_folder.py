"""Files of a folder are listed in the order of their changes, and copied with their digest."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.errors import SourceUnavailable
from pipelines.ingestion.sources.folder import Folder, FolderFile

MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC)


def write(file: Path, text: str = "a", *, seconds: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    moment = MIDNIGHT.timestamp() + seconds
    os.utime(file, (moment, moment))


@pytest.mark.parametrize("as_url", [False, True], ids=["a path", "a URL"])
def test_files_come_in_the_order_of_their_changes_then_of_their_names(
    tmp_path: Path, as_url: bool
) -> None:
    for name, seconds in (("b.csv", 5), ("deep/er/a.parquet", 5), ("c.xlsx", 1), ("d.csv.gz", 9)):
        write(tmp_path / name, seconds=seconds)
    for name in (".a.csv", "_temporary/a.csv", "_SUCCESS", "a.csv.part", "read.me"):
        write(tmp_path / name)
    folder = Folder(f"{tmp_path.as_uri() if as_url else tmp_path}/", "*")
    files = folder.files()
    assert [file.name for file in files] == ["c.xlsx", "b.csv", "deep/er/a.parquet", "d.csv.gz"]
    assert files[0] == FolderFile(name="c.xlsx", size=1, modified_at=MIDNIGHT.replace(second=1))


def test_a_pattern_picks_names_also_of_folders(tmp_path: Path) -> None:
    for name in ("in/a.csv", "in/b.parquet", "out/a.csv"):
        write(tmp_path / name)
    assert [file.name for file in Folder(str(tmp_path), "in/*.csv").files()] == ["in/a.csv"]


def test_a_copy_has_the_content_and_its_digest(tmp_path: Path) -> None:
    write(tmp_path / "in" / "deep" / "a.csv", "x" * 1000)
    folder = Folder(str(tmp_path / "in"), "*")
    (file,) = folder.files()
    copied = folder.copy(file, tmp_path)
    assert copied.path == tmp_path / "a.csv"
    assert copied.path.read_text() == "x" * 1000
    assert copied.digest == hashlib.sha256(b"x" * 1000).hexdigest()


def test_compressed_files_are_copied_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.csv.gz", "no gzip, and no matter")
    folder = Folder(str(tmp_path / "in"), "*")
    (file,) = folder.files()
    assert folder.copy(file, tmp_path).path.read_text() == "no gzip, and no matter"


@pytest.mark.parametrize("location", ["/nowhere/at/all", "unknown://bucket/in"])
def test_a_folder_that_can_not_be_read_is_named(location: str) -> None:
    with pytest.raises(SourceUnavailable, match=f"the folder {location} can't be read: "):
        Folder(location, "*").files()


def test_a_file_that_went_away_is_no_reason_to_give_up(tmp_path: Path) -> None:
    gone = FolderFile(name="gone.csv", size=1, modified_at=MIDNIGHT)
    with pytest.raises(SourceUnavailable, match="can't be read"):
        Folder(str(tmp_path), "*").copy(gone, tmp_path)
