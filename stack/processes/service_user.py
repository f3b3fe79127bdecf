"""The user that a service runs as when root starts the stack.

It owns only the service's folder.
"""

import os
import pwd
import re
import shutil
from pathlib import Path

# systemd's range for dynamic service users, which distributions leave free.
FIRST = 61184
LAST = 65519


def owner_of(folder: Path, instance: str) -> int:
    """Return the user id that owns `folder`; create the folder for an id without an account."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        give(folder, _free(instance))
    return folder.stat().st_uid


def give(folder: Path, uid: int) -> None:
    """Make `uid` the owner of a folder and of everything in it."""
    for parent, _, files in os.walk(folder):
        os.chown(parent, uid, uid)
        for name in files:
            os.chown(Path(parent) / name, uid, uid, follow_symlinks=False)


def adopt(old: Path, folder: Path, uid: int) -> None:
    """Move the files that a former version kept in `old` to `folder`, once."""
    if not old.is_dir():
        return
    for entry in old.iterdir():
        if not (folder / entry.name).exists():
            shutil.move(entry, folder / entry.name)
    give(folder, uid)


def open_to_all(path: Path) -> bool:
    """Return whether every user may reach `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def _free(instance: str) -> int:
    """Return an unused user id; the instance id selects where the search starts."""
    hexadecimal = re.fullmatch("[0-9a-f]+", instance)
    first = int(instance, 16) if hexadecimal else 0
    span = LAST - FIRST + 1
    for offset in range(span):
        uid = FIRST + (first + offset) % span
        if not _has_account(uid):
            return uid
    raise LookupError(f"every user id from {FIRST} to {LAST} is taken")


def _has_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
