"""Run a command in this process's place, leaving a note of who it is: `python -m stack.child [--user NAME] NOTE COMMAND…`.

A supervisor that is killed with -9 leaves its children behind; the notes let the next `up` or `down` find and end them.
"""

import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

MARK = "SIXGATE_INSTANCE"


def note(path: Path) -> None:
    """Write this process's id and start time, which together name it even when ids are used again."""
    path.write_text(f"{os.getpid()} {psutil.Process().create_time()}")


def end_all(folder: Path) -> int:
    """End every noted process and all their descendants; return how many were still there."""
    alive = descendants(folder)
    end(alive)
    for file in folder.glob("*.pid"):
        file.unlink(missing_ok=True)
    return len(alive)


def end(processes: list[psutil.Process], *, seconds: float = 15) -> None:
    """Ask every process to end, and kill what has not after `seconds`."""
    for process in processes:
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        _quietly(process.kill)
    psutil.wait_procs(alive, timeout=5)


def descendants(folder: Path) -> list[psutil.Process]:
    """Every noted process that lives, and all their descendants."""
    found = [process for file in folder.glob("*.pid") if (process := _noted(file))]
    return list({*found, *(child for process in found for child in _children(process))})


def strays(instance: str) -> list[psutil.Process]:
    """Every process that carries a stack's mark in its environment: a task's own process may outlive whoever started it."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _mark(process) == instance]


def _mark(process: psutil.Process) -> str | None:
    try:
        mark: str | None = process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None
    return mark


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _noted(file: Path) -> psutil.Process | None:
    try:
        pid, created = file.read_text().split()
        process = psutil.Process(int(pid))
        return process if abs(process.create_time() - float(created)) < 1 else None
    except (OSError, ValueError, psutil.Error):
        return None


def _quietly(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.Error:
        return


def become(user: str) -> None:
    """Drop root's rights for those of `user`, for good."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main(arguments: list[str]) -> None:
    """Note, drop rights when asked to, and become the command."""
    user = None
    if arguments[0] == "--user":
        user, arguments = arguments[1], arguments[2:]
    note(Path(arguments[0]))
    if user:
        become(user)
    os.execvp(arguments[1], arguments[1:])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
