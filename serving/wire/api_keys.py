"""API keys, stored as hashes in `api_keys.json`; the file is read again when it changes."""

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
# Seconds in which a changed file may go unnoticed: a stat per request costs more than hashing.
FRESH = 1.0

log = logging.getLogger(__name__)


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name and scopes of one key; `sha256` is the hash of the key in hexadecimal."""

    name: str
    sha256: str
    scopes: frozenset[KeyScope]


class ApiKeys:
    """The keys of a file; while the file can't be read, the previous keys stay in force."""

    def __init__(self, path: Path, first: str = "") -> None:
        self._path = path
        self._keys: tuple[ApiKey, ...] = ()
        # The last caller usually asks again, and hashing takes time.
        self._last: tuple[bytes, ApiKey] | None = None
        self._modified_ns = -1
        self._fresh_until = 0.0
        if first and not path.exists():
            admin = ApiKey("admin", hashed(first), frozenset({"admin"}))
            write(path, [admin])
        self._refresh()
        if not self._keys:
            log.warning("%s contains no keys: every request is refused until a key is added", path)

    def require(self, secret: bytes | None, scope: KeyScope) -> str:
        """Return the name of the key whose secret this is.

        Raises a 401 Problem without a key, and a 403 Problem for an unknown key or a missing scope.
        """
        if not secret:
            raise Problem(401, f"no API key was sent: send your key in the header {HEADER}")
        if time.monotonic() >= self._fresh_until:
            self._refresh()
        if self._last and hmac.compare_digest(self._last[0], secret):
            key = self._last[1]
        else:
            key = self._find(hashlib.sha256(secret).hexdigest())
            self._last = (secret, key)
        if scope not in key.scopes and "admin" not in key.scopes:
            raise Problem(403, f"the key {key.name!r} lacks the scope {scope!r}")
        return key.name

    def _find(self, digest: str) -> ApiKey:
        match = None
        for key in self._keys:  # no early exit: the time taken must not reveal which key matched
            if hmac.compare_digest(key.sha256, digest):
                match = key
        if match is None:
            raise Problem(403, f"this API key is not known: check the header {HEADER}")
        return match

    def _refresh(self) -> None:
        self._fresh_until = time.monotonic() + FRESH
        try:
            modified_ns = self._path.stat().st_mtime_ns
            if modified_ns == self._modified_ns:
                return
            self._modified_ns = modified_ns
            content = self._path.read_bytes()
            self._keys = msgspec.json.decode(content, type=tuple[ApiKey, ...])
            self._last = None
        except (OSError, msgspec.DecodeError) as error:
            if self._modified_ns != -1:
                message = "%s can't be read; the previous keys stay in force: %s"
                log.warning(message, self._path, error)


def hashed(key: str) -> str:
    """Hash a key for storage; keys are long and random, so a fast hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def write(path: Path, keys: list[ApiKey]) -> None:
    """Replace the file atomically; only its owner may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    content = msgspec.json.encode(keys, order="sorted")
    new.write_bytes(msgspec.json.format(content))
    new.replace(path)
