"""API keys: kept as hashes in `api_keys.json`, read again when it changes."""

import hashlib
import hmac
import logging
import os
import time
from pathlib import Path
from typing import Literal

import msgspec

from serving.wire.problems import Problem

KeyScope = Literal["predict", "label", "read", "admin"]
HEADER = "X-API-Key"
FRESH = 1.0  # seconds in which a changed file may go unnoticed; asking the disk on every request costs more than hashing

log = logging.getLogger(__name__)


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may do what; `sha256` of the key in hexadecimal."""

    name: str
    sha256: str
    scopes: frozenset[KeyScope]


class Keys:
    """The keys of a file; while it can't be read the former ones hold."""

    def __init__(self, path: Path, first: str = "") -> None:
        self._path = path
        self._keys: tuple[Key, ...] = ()
        self._last: tuple[bytes, Key] | None = (
            None  # who asked last asks again, and hashing takes time
        )
        self._read_at = -1
        self._fresh_until = 0.0
        if first and not path.exists():
            write(path, [Key("admin", hashed(first), frozenset({"admin"}))])
        self._refresh()
        if not self._keys:
            log.warning("%s holds no keys: every request is refused until it does", path)

    def require(self, given: bytes | None, scope: KeyScope) -> str:
        """Return the name of whose key it is; 401 without a key, 403 for an unknown one or one without the scope."""
        if not given:
            raise Problem(401, f"send your key in the header {HEADER}")
        if time.monotonic() >= self._fresh_until:
            self._refresh()
        if self._last and hmac.compare_digest(self._last[0], given):
            found = self._last[1]
        else:
            found = self._find(hashlib.sha256(given).hexdigest())
            self._last = given, found
        if scope not in found.scopes and "admin" not in found.scopes:
            raise Problem(403, f"the key {found.name!r} lacks the scope {scope!r}")
        return found.name

    def _find(self, digest: str) -> Key:
        found = None
        for key in self._keys:  # all of them, so that the time taken says nothing
            if hmac.compare_digest(key.sha256, digest):
                found = key
        if found is None:
            raise Problem(403, "this key is not known here")
        return found

    def _refresh(self) -> None:
        self._fresh_until = time.monotonic() + FRESH
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._read_at:
                self._read_at = changed
                self._keys, self._last = (
                    tuple(msgspec.json.decode(self._path.read_bytes(), type=list[Key])),
                    None,
                )
        except (OSError, msgspec.DecodeError) as error:
            if self._read_at != -1:
                log.warning("%s can't be read, the former keys hold: %s", self._path, error)


def hashed(key: str) -> str:
    """How a key is kept; keys are long and random, so a fast hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def write(path: Path, keys: list[Key]) -> None:
    """Write the file for its owner's eyes only, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(msgspec.json.format(msgspec.json.encode(keys, order="sorted")))
    new.replace(path)
