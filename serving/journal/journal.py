"""The journal: a write-ahead log that holds every prediction in a local file before it is returned.

<journal>/lock                  held while a replica takes its folder and adopts those of dead ones
<journal>/<replica>/lock        held while the replica runs
<journal>/<replica>/<n>.open    the segment that is being written
<journal>/<replica>/<n>.jsonl   closed segments, to be shipped and deleted

A line is one JSON document for the rows that were scored together: the values that the predictions
share, and one entry per row. Its keys are the columns of `prediction_logs`. A killed process loses
nothing that it wrote. A power failure loses what was not synced: at most 100 ms of predictions with
`interval`, none with `always`.
"""

import fcntl
import logging
import math
import os
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec

from pipelines.errors import JournalFull, SixgateError
from pipelines.records import Prediction

Sync = Literal["interval", "always", "never"]
SYNC_EVERY = 0.1  # seconds
# O_EXCL: a segment number is never used twice. O_APPEND: a write never overwrites.
SEGMENT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC

log = logging.getLogger(__name__)


class JournalRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A prediction as it was returned.

    A missing feature (NaN) is written as null. A missing `event_time` means `scored_at`.
    """

    prediction_id: str
    transaction_id: str
    features: list[float | None]
    score: float
    predicted_label: int
    entity_key: str | None = None
    event_time: datetime | None = None


class JournalLine(msgspec.Struct, frozen=True, gc=False):
    """Predictions that were scored together."""

    scored_at: datetime
    use_case: str
    model_version: int
    contract_hash: str
    threshold: float
    replica: str
    rows: list[JournalRow]
    model_contract_hash: str | None = None  # None in lines of before it was kept

    def predictions(self) -> list[Prediction]:
        """Return one prediction per row, with the values that all rows share."""
        return [
            Prediction(
                prediction_id=UUID(row.prediction_id),
                scored_at=self.scored_at,
                use_case=self.use_case,
                transaction_id=row.transaction_id,
                entity_key=row.entity_key,
                event_time=row.event_time or self.scored_at,
                model_version=self.model_version,
                contract_hash=self.contract_hash,
                features=[math.nan if value is None else value for value in row.features],
                score=row.score,
                predicted_label=row.predicted_label,
                threshold=self.threshold,
                replica=self.replica,
                model_contract_hash=self.model_contract_hash,
            )
            for row in self.rows
        ]


@dataclass
class Segment:
    """An open segment file; `dirty` while it holds data that is not synced."""

    file: int
    path: Path
    size: int = 0
    dirty: bool = False
    new: bool = True


class Journal:
    """The segments of one replica.

    The event loop appends. Background threads sync, ship and delete.
    """

    def __init__(
        self,
        folder: Path,
        replica: str,
        *,
        sync: Sync = "interval",
        segment_bytes: int = 4 * 2**20,
        bound_bytes: int = 2**30,
    ) -> None:
        self._own = folder / replica
        self.sync_mode = sync
        self.bound = bound_bytes
        self._segment_bytes = segment_bytes
        # `_mutex` guards the open segment and the byte count, and is held for microseconds.
        # `_syncing` is held by the thread that syncs, closes or renames segments.
        self._mutex = threading.Lock()
        self._syncing = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._open: Segment | None = None
        self._retired: list[Segment] = []
        self._fault: str | None = None
        self._refusing = False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("w") as shared_lock:
            # Without this lock, another replica could adopt our folder before we lock it.
            fcntl.flock(shared_lock, fcntl.LOCK_EX)
            self._lock = _lock_folder(self._own)
            self._number = self._adopt(folder)
        sizes = [segment.stat().st_size for segment in self.closed()]
        self._bytes = sum(sizes)

    @property
    def size(self) -> int:
        """Bytes on disk that are not shipped yet."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether the last append was refused and no space has been freed since."""
        return self._refusing or self._fault is not None

    def lag(self) -> float:
        """Age in seconds of the oldest prediction that is not shipped; 0 when there is none."""
        for segment in _segments(self._own):
            try:
                return max(0.0, time.time() - _first_scored_at(segment))
            except FileNotFoundError:
                continue
        return 0.0

    def append(self, line: JournalLine) -> None:
        """Write a whole line with one system call, or nothing.

        Raises JournalFull when the line does not fit on the disk or within the bound.
        """
        content = self._encoder.encode(line) + b"\n"
        with self._mutex:
            if self._fault:
                raise JournalFull(self._fault)
            if self._bytes + len(content) > self.bound:
                self._refusing = True
                raise JournalFull(
                    f"the journal {self._own} is full ({self._bytes} of {self.bound} bytes): "
                    "predictions are accepted again once they can be shipped to the database"
                )
            if self._open and self._open.size + len(content) > self._segment_bytes:
                self._retire()
            self._write(self._open or self._begin(), content)
            self._bytes += len(content)

    def sync(self) -> None:
        """Make everything appended before this call survive a power failure.

        When that fails it raises JournalFull, and every append is refused until a sync succeeds.
        """
        with self._syncing:
            with self._mutex:
                segment = self._open
                retired = self._retired
                self._retired = []
            try:
                for old in retired:
                    self._finish(old)
                if segment and segment.dirty and self.sync_mode != "never":
                    self._flush(segment)
                self._fault = None
            except OSError as error:
                self._fault = (
                    f"the journal {self._own} can't be synced ({error.strerror}): check its disk"
                )
                raise JournalFull(self._fault) from error

    def rotate(self) -> None:
        """Close the open segment, if there is one."""
        with self._mutex:
            self._retire()
        self.sync()

    def closed(self) -> list[Path]:
        """Return the closed segments, oldest first."""
        return sorted(self._own.glob("*.jsonl"))

    def delete(self, segment: Path) -> None:
        """Delete a segment whose lines are logged."""
        size = segment.stat().st_size
        segment.unlink()
        with self._mutex:
            self._bytes -= size
            self._refusing = False

    def find(self, use_case: str, prediction_id: UUID) -> Prediction | None:
        """Return a prediction that is not shipped yet; the newest segments are searched first."""
        id_bytes = str(prediction_id).encode()
        for segment in reversed(_segments(self._own)):
            for line in _lines(segment):
                if id_bytes not in line:
                    continue
                for prediction in read(line).predictions():
                    if prediction.prediction_id == prediction_id:
                        return prediction if prediction.use_case == use_case else None
        return None

    def close(self) -> None:
        """Close the open segment and release the folder; an empty folder is removed."""
        self.rotate()
        if not self.closed():
            (self._own / "lock").unlink(missing_ok=True)
            _remove(self._own)
        os.close(self._lock)

    def _begin(self) -> Segment:
        self._number += 1
        path = self._own / f"{self._number:012d}.open"
        try:
            file = os.open(path, SEGMENT_FLAGS, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        self._open = Segment(file, path)
        return self._open

    def _write(self, segment: Segment, content: bytes) -> None:
        try:
            written = os.write(segment.file, content)
        except OSError as error:
            raise self._unwritable(error) from error
        if written < len(content):
            os.ftruncate(segment.file, segment.size)
            self._refusing = True
            raise JournalFull(f"the disk of the journal {self._own} is full: free some space")
        segment.size += len(content)
        segment.dirty = True

    def _unwritable(self, error: OSError) -> JournalFull:
        self._refusing = True
        return JournalFull(
            f"the journal {self._own} can't be written ({error.strerror}): free some space"
        )

    def _retire(self) -> None:
        if self._open:
            self._retired.append(self._open)
            self._open = None

    def _flush(self, segment: Segment) -> None:
        segment.dirty = False  # before the fsync: data written during it belongs to the next sync
        try:
            os.fsync(segment.file)
        except OSError:
            segment.dirty = True
            raise
        if segment.new:
            self._sync_folder()
            segment.new = False

    def _finish(self, segment: Segment) -> None:
        if segment.dirty and self.sync_mode != "never":
            self._flush(segment)
        os.close(segment.file)
        segment.path.rename(segment.path.with_suffix(".jsonl"))

    def _sync_folder(self) -> None:
        folder = os.open(self._own, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _adopt(self, folder: Path) -> int:
        """Take over the segments of dead replicas and of this replica's earlier process.

        Returns the highest segment number in use.
        """
        numbers = [int(segment.stem) for segment in _segments(self._own)]
        number = max(numbers, default=0)
        for unclosed in sorted(self._own.glob("*.open")):
            unclosed.rename(unclosed.with_suffix(".jsonl"))
        folders = sorted(path.parent for path in folder.glob("*/lock"))
        for other in folders:
            if other == self._own:
                continue
            try:
                lock = _lock_folder(other)
            except SixgateError:  # its replica is running
                continue
            for segment in _segments(other):
                number += 1
                segment.rename(self._own / f"{number:012d}.jsonl")
            (other / "lock").unlink()
            os.close(lock)
            _remove(other)
        return number


def read(line: bytes) -> JournalLine:
    """Decode one line of a segment."""
    return msgspec.json.decode(line, type=JournalLine)


def whole_lines(segment: Path) -> bytes:
    """Return a segment's complete lines.

    A last line without a newline is dropped: its predictions were never returned.
    """
    content = segment.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        log.warning(
            "%s: dropped an incomplete last line of %d bytes; its predictions were never returned",
            segment,
            len(content) - end,
        )
    return content[:end]


def _segments(folder: Path) -> list[Path]:
    paths = [path for path in folder.iterdir() if path.suffix in (".open", ".jsonl")]
    return sorted(paths)


def _first_scored_at(segment: Path) -> float:
    """Time of the first line of a segment, in seconds since 1970."""
    with segment.open("rb") as file:
        first = file.readline()
    try:
        return read(first).scored_at.timestamp()
    except msgspec.DecodeError:  # incomplete, or not written yet
        return segment.stat().st_mtime


def _lines(segment: Path) -> list[bytes]:
    # Another thread may close (rename) or ship (delete) the segment at the same time.
    for path in (segment, segment.with_suffix(".jsonl")):
        try:
            return path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            continue
    return []


def _lock_folder(folder: Path) -> int:
    """Lock a replica's folder until the returned descriptor is closed.

    Raises SixgateError when a running replica holds the lock.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / "lock", LOCK_FLAGS, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise SixgateError(
            f"{folder} is used by a running replica: "
            "give each replica its own SIXGATE_API_PORT or SIXGATE_HOME"
        ) from error
    return lock


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        log.warning("%s is not removed: it contains files that are not segments", folder)
