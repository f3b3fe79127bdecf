"""Replace this process with a program of the stack: `python -m stack.processes.child LAUNCH`.

LAUNCH is a file of mode 0600 with the command, its environment, its user and its confinement. So no
other user can read a secret from it, and supervisord itself gets no secret. The process also writes
its id to a note: a supervisor that is killed with SIGKILL leaves its children running, and the next
`up` or `down` finds and ends them by these notes.
"""

import contextlib
import ctypes
import json
import os
import pwd
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from stack.processes.confinement import Confinement, Ruleset, version

MARK = "SIXGATE_INSTANCE"
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_READ_SEARCH = 2
CAP_NET_BIND_SERVICE = 10
CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What to run, and with which rights.

    `user` is a name or a number (None: the caller's). `confinement` applies if the kernel supports
    it. `reads_through` lets an unprivileged user reach the paths in `confinement.reads` through
    folders that only root may enter.
    """

    note: Path
    command: list[str]
    environment: dict[str, str]
    user: str | int | None = None
    confinement: Confinement | None = None
    reads_through: bool = False

    def dump(self) -> str:
        """Return this as JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def parse(cls, text: str) -> "Launch":
        """Return the launch from the JSON that `dump` returned."""
        values: dict[str, Any] = json.loads(text)
        values["note"] = Path(values["note"])
        if values["confinement"] is not None:
            values["confinement"] = _confinement(**values["confinement"])
        return cls(**values)


def _confinement(
    writes: list[str], reads: list[str] | None, lists: list[str], ports: list[list[int]] | None
) -> Confinement:
    return Confinement(
        writes=tuple(map(Path, writes)),
        reads=None if reads is None else tuple(map(Path, reads)),
        lists=tuple(map(Path, lists)),
        ports=None if ports is None else (tuple(ports[0]), tuple(ports[1])),
    )


def note(path: Path) -> None:
    """Write this process's id and start time; both identify it even when the id is used again."""
    path.write_text(f"{os.getpid()} {psutil.Process().create_time()}")


def end_all(folder: Path) -> int:
    """End every noted process and all their descendants; return how many were running."""
    alive = descendants(folder)
    end(alive)
    for file in folder.glob("*.pid"):
        file.unlink(missing_ok=True)
    return len(alive)


def end(processes: list[psutil.Process], *, seconds: float = 15) -> None:
    """Send SIGTERM to every process, and SIGKILL to those still running after `seconds`."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def descendants(folder: Path) -> list[psutil.Process]:
    """Return every noted process that is running, and all their descendants."""
    noted = [process for file in folder.glob("*.pid") if (process := _noted(file))]
    family = set(noted)
    for process in noted:
        family.update(_children(process))
    return list(family)


def strays(instance: str) -> list[psutil.Process]:
    """Return every process with the stack's mark in its environment.

    A task's process may go on after the process that started it has ended.
    """
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _mark(process) == instance
    ]


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


def become(user: str | int, *, reads_through: bool = False) -> None:
    """Drop root's rights for those of `user` permanently.

    With `reads_through`, keep the right to read every file (CAP_DAC_READ_SEARCH).
    """
    uid, gid = (user, user) if isinstance(user, int) else pwd.getpwnam(user)[2:4]
    libc = ctypes.CDLL(None, use_errno=True)
    if reads_through and libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "capabilities can't be kept")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if reads_through:
        _keep_reading(libc)


def _keep_reading(libc: ctypes.CDLL) -> None:
    """Keep only CAP_DAC_READ_SEARCH of all capabilities, also after exec. See capabilities(7)."""
    keep_capabilities(CAP_DAC_READ_SEARCH)
    if libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0):
        raise OSError(ctypes.get_errno(), "CAP_DAC_READ_SEARCH can't be kept")


def keep_capabilities(*capabilities: int) -> None:
    """Drop every other capability; with no_new_privs, root regains none by running a program.

    Root without capabilities can read and write root's files but can't inspect other processes, so
    the confinement can't be bypassed through them.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    lower = sum(1 << number for number in capabilities)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # Effective, permitted, inheritable; the upper halves stay 0.
    sets = (ctypes.c_uint32 * 6)(lower, lower, lower)
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capabilities can't be dropped")


def main(arguments: list[str]) -> None:
    """Write the note, drop rights, confine this process, and replace it with the command."""
    launch = Launch.parse(Path(arguments[0]).read_text())
    note(launch.note)
    if temporary := launch.environment.get("TMPDIR"):
        Path(temporary).mkdir(mode=0o700, parents=True, exist_ok=True)
    ruleset = None
    if launch.confinement and version():
        # Its paths are opened now, because an unprivileged user may not be able to.
        ruleset = Ruleset(launch.confinement)
    if launch.user is not None:
        become(launch.user, reads_through=launch.reads_through and ruleset is not None)
    elif ruleset and os.geteuid() == 0:
        keep_capabilities(CAP_NET_BIND_SERVICE)
    if ruleset:
        ruleset.enforce()
    os.execvpe(launch.command[0], launch.command, launch.environment)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
