"""Confine this process and its children to folders and ports with Landlock (Linux 5.13 and later).

A process can only drop its own rights, so no privilege is needed. The numbers are those of the
kernel's interface: https://docs.kernel.org/userspace-api/landlock.html. The system calls are made
by number because no C library wraps them.
"""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

# System calls: the same numbers on every architecture.
CREATE_RULESET = 444
ADD_RULE = 445
RESTRICT_SELF = 446
VERSION_FLAG = 1
RULE_PATH = 1
RULE_PORT = 2
PR_SET_NO_NEW_PRIVS = 38


class Files(IntFlag):
    """Rights on files and folders; later kernels have more of them."""

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
    """Rights on TCP ports (version 4)."""

    BIND = 1 << 0
    CONNECT = 1 << 1


READ = Files.EXECUTE | Files.READ_FILE | Files.READ_DIR
WRITE = Files(sum(Files)) & ~READ
# The other rights only apply to folders.
ON_A_FILE = Files.EXECUTE | Files.WRITE_FILE | Files.READ_FILE | Files.TRUNCATE
# Versions of Landlock since which a right exists.
SINCE = {Files.REFER: 2, Files.TRUNCATE: 3}
PORTS_SINCE = 4
SCOPES_SINCE = 6
SCOPES = (1 << 0) | (1 << 1)  # no abstract sockets of others, no signals to others


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a process may access.

    `writes` are paths that it may write and read. `reads` of None allows every path. `lists` are
    folders of which it may only list the names. Paths that do not exist are ignored. `ports` is
    (ports to listen on, ports to connect to); None allows every port.
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
    """Return the version of Landlock in this kernel; 0 if it has none."""
    no_size = ctypes.c_size_t(0)
    flag = ctypes.c_uint32(VERSION_FLAG)
    supported = int(_libc.syscall(CREATE_RULESET, None, no_size, flag))
    return max(supported, 0)


class Ruleset:
    """A confinement that opens its paths when it is created and is enforced later.

    The process may drop rights in between that it needs to open the paths.
    """

    def __init__(self, confinement: Confinement) -> None:
        supported = version()
        self._rights = WRITE if confinement.reads is None else READ | WRITE
        for right, since in SINCE.items():
            if supported < since:
                self._rights &= ~right
        network = confinement.ports is not None
        ports = Ports.BIND | Ports.CONNECT if network and supported >= PORTS_SINCE else Ports(0)
        scopes = SCOPES if network and supported >= SCOPES_SINCE else 0
        self._ruleset = _create_ruleset(
            _RulesetAttribute(self._rights, ports, scopes), supported=supported
        )
        self._allow_paths(confinement.writes, READ | WRITE)
        self._allow_paths(confinement.reads or (), READ)
        self._allow_paths(confinement.lists, Files.READ_DIR)
        if ports and confinement.ports:
            for port_right, numbers in zip(Ports, confinement.ports, strict=True):
                for number in numbers:
                    self._add_rule(RULE_PORT, _PortAttribute(port_right, number))

    def enforce(self) -> None:
        """Confine this process permanently; programs that it starts don't gain rights either."""
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs can't be set")
        _call(RESTRICT_SELF, self._ruleset, ctypes.c_uint32(0))
        os.close(self._ruleset)

    def _allow_paths(self, paths: Sequence[Path], rights: Files) -> None:
        for path in paths:
            try:
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                applicable = Files(sum(Files)) if path.is_dir() else ON_A_FILE
                allowed = rights & self._rights & applicable
                if allowed:
                    self._add_rule(RULE_PATH, _PathAttribute(allowed, descriptor))
            finally:
                os.close(descriptor)

    def _add_rule(self, kind: int, rule: ctypes.Structure) -> None:
        flags = ctypes.c_uint32(0)
        _call(ADD_RULE, self._ruleset, kind, ctypes.byref(rule), flags)


def _create_ruleset(attribute: _RulesetAttribute, *, supported: int) -> int:
    """Return a file descriptor; older kernels only know the first fields of the attribute."""
    size = 24 if supported >= SCOPES_SINCE else 16 if supported >= PORTS_SINCE else 8
    flags = ctypes.c_uint32(0)
    return _call(CREATE_RULESET, ctypes.byref(attribute), ctypes.c_size_t(size), flags)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result
