"""The user that a service runs as when root starts the stack: one that owns nothing but the service's folder."""

import os
import pwd
import shutil
from pathlib import Path

# For users that nobody created: systemd's range for dynamic service users, which distributions leave free.
FIRST, LAST = 61184, 65519


def owner_of(folder: Path, instance: str) -> int:
    """Who owns `folder`, which is made when it is not there: a number that no account of this machine has."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        give(folder, _free(instance))
    return folder.stat().st_uid


def give(folder: Path, uid: int) -> None:
    """Make `uid` the owner of a folder and of all in it."""
    for parent, _, files in os.walk(folder):
        os.chown(parent, uid, uid)
        for name in files:
            os.chown(Path(parent) / name, uid, uid, follow_symlinks=False)


def adopt(old: Path, folder: Path, uid: int) -> None:
    """Move what a former version kept in `old` into `folder`, once."""
    if not old.is_dir():
        return
    for entry in old.iterdir():
        if not (folder / entry.name).exists():
            shutil.move(entry, folder / entry.name)
    give(folder, uid)


def open_to_all(path: Path) -> bool:
    """Whether every user may reach `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def _free(instance: str) -> int:
    begin = (
        int(instance, 16)
        if instance.isalnum() and all(c in "0123456789abcdef" for c in instance)
        else 0
    )
    span = LAST - FIRST + 1
    for step in range(span):
        number = FIRST + (begin + step) % span
        if not _known(number):
            return number
    raise LookupError(f"every user id from {FIRST} to {LAST} is taken")


def _known(number: int) -> bool:
    try:
        pwd.getpwuid(number)
    except KeyError:
        return False
    return True
