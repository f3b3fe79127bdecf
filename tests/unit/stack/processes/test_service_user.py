"""The user of a service: it owns the service's folder and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stack.processes import service_user
from stack.processes.service_user import FIRST, LAST, adopt, give, open_to_all, owner_of

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can give a folder to another user"
)


@needs_root
def test_a_service_folder_belongs_to_a_number_that_no_account_has(tmp_path: Path) -> None:
    owner = owner_of(tmp_path / "service", "0123456789abcdef")
    assert FIRST <= owner <= LAST
    assert (tmp_path / "service").stat().st_mode & 0o077 == 0
    assert owner_of(tmp_path / "service", "another") == owner


@needs_root
def test_two_instances_have_different_users_and_one_instance_has_the_same_again(
    tmp_path: Path,
) -> None:
    first = owner_of(tmp_path / "first", "0000000000000000")
    second = owner_of(tmp_path / "second", "0000000000000001")
    again = owner_of(tmp_path / "again", "0000000000000000")
    assert first != second
    assert again == first


@needs_root
@pytest.mark.parametrize("instance", ["", "no number", "g"])
def test_an_instance_that_is_no_number_has_a_user_too(tmp_path: Path, instance: str) -> None:
    assert FIRST <= owner_of(tmp_path / "service", instance) <= LAST


def test_an_id_of_an_account_is_passed_over_and_the_search_begins_again_at_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = {LAST, FIRST}
    monkeypatch.setattr(service_user, "_has_account", lambda uid: uid in taken)
    assert service_user._free(f"{LAST - FIRST:x}") == FIRST + 1


def test_when_every_id_is_taken_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_user, "_has_account", lambda uid: True)
    with pytest.raises(LookupError, match=f"every user id from {FIRST} to {LAST} is taken"):
        service_user._free("0")


@needs_root
def test_everything_in_a_folder_changes_hands_and_what_links_lead_to_does_not(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("")
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_text("")
    (folder / "link").symlink_to(outside)
    give(folder, FIRST)
    for path in (folder, folder / "deep", folder / "deep" / "file"):
        assert path.stat().st_uid == FIRST
    assert (folder / "link").lstat().st_uid == FIRST
    assert outside.stat().st_uid == os.geteuid()


@needs_root
def test_files_of_a_former_version_are_moved_once_and_replace_nothing(tmp_path: Path) -> None:
    old = tmp_path / "old"
    folder = tmp_path / "service"
    old.mkdir()
    owner = owner_of(folder, "0")
    (old / "runs").write_text("of the former version")
    (old / "models").write_text("of the former version")
    (folder / "models").write_text("newer")
    for _ in range(2):
        adopt(old, folder, owner)
    assert (folder / "runs").read_text() == "of the former version"
    assert (folder / "models").read_text() == "newer"
    assert (folder / "runs").stat().st_uid == owner


def test_adopting_from_a_folder_that_does_not_exist_does_nothing(tmp_path: Path) -> None:
    adopt(tmp_path / "none", tmp_path / "service", os.geteuid())
    assert not (tmp_path / "service").exists()


def test_a_path_is_open_to_all_when_every_folder_above_it_is(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "deep").mkdir(parents=True)
    file = closed / "deep" / "file"
    file.write_text("")
    closed.chmod(0o700)
    assert not open_to_all(file)
    assert open_to_all(Path("/usr/bin/env"))
    link = tmp_path / "link"
    link.symlink_to(file)
    assert not open_to_all(link)
