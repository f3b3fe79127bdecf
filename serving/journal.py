"""The journal: every answer is in a local file before it leaves, whatever becomes of the database or of this process.

<journal>/lock                  held while a replica takes its folder and adopts those of the dead
<journal>/<replica>/lock        held as long as the replica lives
<journal>/<replica>/<n>.open    the segment that is written
<journal>/<replica>/<n>.jsonl   closed segments, to be shipped and deleted
"""

import fcntl
import logging
import os
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from pipelines.errors import JournalFull, SixgateError

log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One line: a prediction as it was answered; a missing feature (NaN) travels as null."""

    prediction_id: UUID
    scored_at: datetime
    use_case: str
    transaction_id: str
    entity_key: str | None
    event_time: datetime
    model_version: int
    contract_hash: str
    features: list[float | None]
    score: float
    predicted_label: int
    threshold: float
    replica: str


class Journal:
    """One replica's segments; appended to by the server, taken and deleted by the shipper."""

    def __init__(self, folder: Path, replica: str, *, segment_bytes: int = 4 * 2**20, bound_bytes: int = 2**30) -> None:
        self._own = folder / replica
        self._segment_bytes, self._bound = segment_bytes, bound_bytes
        self._mutex = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._open: tuple[int, Path] | None = None
        self._open_bytes = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("w") as together:
            fcntl.flock(together, fcntl.LOCK_EX)  # nobody takes a folder for dead before its replica has locked it
            self._lock = _alive(self._own)
            self._number = self._adopt(folder)
        self._bytes = sum(segment.stat().st_size for segment in self.closed())

    @property
    def size(self) -> int:
        """What lies on disk, waiting to be shipped."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether another segment would break the bound."""
        return self._bytes >= self._bound

    def append(self, entries: Sequence[Entry]) -> None:
        """Write the entries with one system call, all or none; raises JournalFull when they don't fit the disk or bound."""
        lines = self._encoder.encode_lines(entries)
        with self._mutex:
            if self._bytes + len(lines) > self._bound:
                raise JournalFull(
                    f"the journal {self._own} holds {self._bytes} bytes of {self._bound}: predictions go on once the "
                    "database takes them again"
                )
            if self._open_bytes + len(lines) > self._segment_bytes:
                self._close_segment()
            self._write(lines)
            self._open_bytes += len(lines)
            self._bytes += len(lines)

    def rotate(self) -> None:
        """Close the segment that is written, if there is anything in it."""
        with self._mutex:
            self._close_segment()

    def closed(self) -> list[Path]:
        """Closed segments, oldest first."""
        return sorted(self._own.glob("*.jsonl"))

    def delete(self, segment: Path) -> None:
        """Let go of a segment whose lines are logged."""
        with self._mutex:
            self._bytes -= segment.stat().st_size
            segment.unlink()

    def find(self, use_case: str, prediction_id: UUID) -> Entry | None:
        """Return an answer that is not shipped yet; newest segments are looked through first."""
        needle = str(prediction_id).encode()
        for segment in reversed(_segments(self._own)):
            for line in _whole_lines(segment):
                if needle in line and (entry := msgspec.json.decode(line, type=Entry)).prediction_id == prediction_id:
                    return entry if entry.use_case == use_case else None
        return None

    def close(self) -> None:
        """Close the segment and let others take the folder; an empty one goes away."""
        self.rotate()
        if not self.closed():
            (self._own / "lock").unlink(missing_ok=True)
            _remove(self._own)
        os.close(self._lock)

    def _write(self, lines: bytes) -> None:
        file = self._opened()
        try:
            written = os.write(file, lines)
        except OSError as error:
            raise JournalFull(f"the journal {self._own} can't be written ({error.strerror}): free some space") from error
        if written < len(lines):
            os.ftruncate(file, self._open_bytes)
            raise JournalFull(f"the disk of the journal {self._own} is full: free some space")

    def _opened(self) -> int:
        if self._open is None:
            self._number += 1
            path = self._own / f"{self._number:012d}.open"
            self._open = (os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600), path)
        return self._open[0]

    def _close_segment(self) -> None:
        if self._open:
            file, path = self._open
            os.close(file)
            path.rename(path.with_suffix(".jsonl"))
            self._open, self._open_bytes = None, 0

    def _adopt(self, folder: Path) -> int:
        """Take over the segments of the dead, this replica's own former life included; return the last number used."""
        number = max((int(segment.stem) for segment in _segments(self._own)), default=0)
        for left in sorted(self._own.glob("*.open")):
            left.rename(left.with_suffix(".jsonl"))
        for other in sorted(path.parent for path in folder.glob("*/lock") if path.parent != self._own):
            try:
                lock = _alive(other)
            except SixgateError:
                continue
            for segment in _segments(other):
                number += 1
                segment.rename(self._own / f"{number:012d}.jsonl")
            (other / "lock").unlink()
            os.close(lock)
            _remove(other)
        return number


def read_lines(segment: Path) -> list[bytes]:
    """A segment's whole lines: a last line without its end was never answered, and is dropped."""
    *lines, torn = segment.read_bytes().split(b"\n")
    if torn:
        log.warning("%s: dropped a torn last line of %d bytes, which was never answered", segment, len(torn))
    return lines


def _segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".open", ".jsonl"))


def _whole_lines(segment: Path) -> list[bytes]:
    for name in (segment, segment.with_suffix(".jsonl")):  # it may be closed, or shipped, while it is looked for
        try:
            return name.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            continue
    return []


def _alive(folder: Path) -> int:
    """Lock a replica's folder for as long as the descriptor is open."""
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise SixgateError(f"{folder} belongs to a replica that is alive: give each its own port or home") from error
    return lock


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        log.warning("%s holds files that are no segments and stays", folder)
