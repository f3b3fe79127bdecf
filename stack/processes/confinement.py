"""Confine this process, and all that it starts, to folders and ports: Landlock, a part of Linux since 5.13.

A process can only take rights away from itself, so no privilege is needed. The numbers are those of the kernel's interface:
https://docs.kernel.org/userspace-api/landlock.html. They are called by number because no C library wraps them.
"""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
VERSION_FLAG = 1
RULE_PATH, RULE_PORT = 1, 2
PR_SET_NO_NEW_PRIVS = 38


class Files(IntFlag):
    """What may be done with files and folders; later kernels know more of it."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13  # version 2: move or link into another folder
    TRUNCATE = 1 << 14  # version 3


class Ports(IntFlag):
    """What may be done with TCP ports (version 4)."""

    BIND = 1 << 0
    CONNECT = 1 << 1


READ = Files.EXECUTE | Files.READ_FILE | Files.READ_DIR
WRITE = Files(sum(Files)) & ~READ
ON_A_FILE = (
    Files.EXECUTE | Files.WRITE_FILE | Files.READ_FILE | Files.TRUNCATE
)  # the rest is for folders
SINCE = {Files.REFER: 2, Files.TRUNCATE: 3}
PORTS_SINCE, SCOPES_SINCE = 4, 6
SCOPES = (1 << 0) | (1 << 1)  # no abstract sockets of others, no signals to others


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a process may touch. `reads` of None is everything; `ports` of None is every port.

    `writes` may also be read. `lists` are folders whose names may be read, and nothing else. A path that is not there is
    left out. `ports` maps to (those to listen on, those to connect to).
    """

    writes: tuple[Path, ...] = ()
    reads: tuple[Path, ...] | None = None
    lists: tuple[Path, ...] = ()
    ports: tuple[tuple[int, ...], tuple[int, ...]] | None = None


class _RulesetAttribute(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathAttribute(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _PortAttribute(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The version of Landlock that this kernel offers; 0 when it has none."""
    found = int(
        _libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG))
    )
    return max(found, 0)


class Ruleset:
    """A confinement that is prepared while its paths can be opened, and enforced later, after rights were given up."""

    def __init__(self, confinement: Confinement) -> None:
        known = version()
        self._known = WRITE if confinement.reads is None else READ | WRITE
        for right, since in SINCE.items():
            if known < since:
                self._known &= ~right
        network = confinement.ports is not None
        ports = Ports.BIND | Ports.CONNECT if network and known >= PORTS_SINCE else Ports(0)
        scopes = SCOPES if network and known >= SCOPES_SINCE else 0
        attribute = _RulesetAttribute(self._known, ports, scopes)
        size = 24 if known >= SCOPES_SINCE else 16 if known >= PORTS_SINCE else 8
        self._ruleset = _call(
            CREATE_RULESET, ctypes.byref(attribute), ctypes.c_size_t(size), ctypes.c_uint32(0)
        )
        self._allow(confinement.writes, READ | WRITE)
        self._allow(confinement.reads or (), READ)
        self._allow(confinement.lists, Files.READ_DIR)
        if ports and confinement.ports:
            for port_right, numbers in zip(Ports, confinement.ports, strict=True):
                for number in numbers:
                    rule = _PortAttribute(port_right, number)
                    _call(
                        ADD_RULE, self._ruleset, RULE_PORT, ctypes.byref(rule), ctypes.c_uint32(0)
                    )

    def enforce(self) -> None:
        """Confine this process for good; no program that it starts gains rights either."""
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs can't be set")
        _call(RESTRICT_SELF, self._ruleset, ctypes.c_uint32(0))
        os.close(self._ruleset)

    def _allow(self, paths: Sequence[Path], rights: Files) -> None:
        for path in paths:
            try:
                folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                allowed = rights & self._known & (Files(sum(Files)) if path.is_dir() else ON_A_FILE)
                rule = _PathAttribute(allowed, folder)
                if allowed:
                    _call(
                        ADD_RULE, self._ruleset, RULE_PATH, ctypes.byref(rule), ctypes.c_uint32(0)
                    )
            finally:
                os.close(folder)


def _call(number: int, *arguments: object) -> int:
    done = int(_libc.syscall(number, *arguments))
    if done < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return done
