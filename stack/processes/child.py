"""Run a program of the stack in this process's place: `python -m stack.processes.child LAUNCH`.

LAUNCH is a file of mode 0600 that says what to run, in which environment, as whom and how confined: nobody else can read a
secret out of it, and supervisord itself is told none. A note of the process is left: a supervisor that is killed with -9
leaves its children behind, and the notes let the next `up` or `down` find and end them.
"""

import ctypes
import json
import os
import pwd
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from stack.processes.confinement import Confinement, Ruleset, version

MARK = "SIXGATE_INSTANCE"
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2
CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE = 2, 10
CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What to run: `user` by name or number (None: whoever calls), `confinement` where the kernel can.

    `reads_through` lets an unprivileged user pass folders that only root may enter, for what `confinement.reads` names.
    """

    note: Path
    command: list[str]
    environment: dict[str, str]
    user: str | int | None = None
    confinement: Confinement | None = None
    reads_through: bool = False

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def parse(cls, text: str) -> "Launch":
        """Read what `dump` wrote."""
        found: dict[str, Any] = json.loads(text)
        confinement = found.pop("confinement")
        return cls(
            **found | {"note": Path(found["note"])},
            confinement=None if confinement is None else _confinement(**confinement),
        )


def _confinement(
    writes: list[str], reads: list[str] | None, lists: list[str], ports: list[list[int]] | None
) -> Confinement:  # fmt: skip
    return Confinement(
        writes=tuple(map(Path, writes)),
        reads=None if reads is None else tuple(map(Path, reads)),
        lists=tuple(map(Path, lists)),
        ports=None if ports is None else (tuple(ports[0]), tuple(ports[1])),
    )


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


def _quietly(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.Error:
        return


def become(user: str | int, *, reads_through: bool = False) -> None:
    """Drop root's rights for those of `user`, for good; with `reads_through`, keep the one to read whatever it can find."""
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
    """Of all capabilities keep CAP_DAC_READ_SEARCH, through exec too. See capabilities(7)."""
    keep_capabilities(CAP_DAC_READ_SEARCH)
    if libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0):
        raise OSError(ctypes.get_errno(), "CAP_DAC_READ_SEARCH can't be kept")


def keep_capabilities(*kept: int) -> None:
    """Give up every capability but `kept`. With no_new_privs, root gets none back by starting another program.

    A root without them reads and writes what is root's, and looks into no other process: confinement holds there too.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    lower = sum(1 << number for number in kept)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(
        lower, lower, lower, 0, 0, 0
    )  # effective, permitted, inheritable; then the upper halves
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capabilities can't be given up")


def main(arguments: list[str]) -> None:
    """Note, drop rights, confine, and become the command."""
    launch = Launch.parse(Path(arguments[0]).read_text())
    note(launch.note)
    if temporary := launch.environment.get("TMPDIR"):
        Path(temporary).mkdir(mode=0o700, parents=True, exist_ok=True)
    ruleset = (
        Ruleset(launch.confinement) if launch.confinement and version() else None
    )  # opened while this process can
    if launch.user is not None:
        become(launch.user, reads_through=launch.reads_through and ruleset is not None)
    elif ruleset and os.geteuid() == 0:
        keep_capabilities(CAP_NET_BIND_SERVICE)
    if ruleset:
        ruleset.enforce()
    os.execvpe(launch.command[0], launch.command, launch.environment)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
