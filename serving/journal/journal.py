"""The journal: every answer is in a local file before it leaves, whatever becomes of the database or of this process.

<journal>/lock                  held while a replica takes its folder and adopts those of the dead
<journal>/<replica>/lock        held as long as the replica lives
<journal>/<replica>/<n>.open    the segment that is written
<journal>/<replica>/<n>.jsonl   closed segments, to be shipped and deleted

A line is what was scored together, as JSON: what the predictions have in common, and a row for each; the keys are the
columns of `prediction_logs`. What a killed process wrote is in the file; what a power cut can take is what was not synced: at
most 100 ms of answers with `interval`, none with `always`.
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

log = logging.getLogger(__name__)


class JournalRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A prediction as it was answered; a missing feature (NaN) travels as null, a missing `event_time` is `scored_at`."""

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

    def predictions(self) -> list[Prediction]:
        """The rows, each with what all have in common."""
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
            )
            for row in self.rows
        ]


@dataclass
class Segment:
    """A file that is written; `dirty` while it holds what no sync has covered."""

    file: int
    path: Path
    size: int = 0
    dirty: bool = False
    new: bool = True


class Journal:
    """One replica's segments; appended to by the server, synced, taken and deleted by threads beside it."""

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
        self._segment_bytes, self.bound = segment_bytes, bound_bytes
        self._mutex = (
            threading.Lock()
        )  # the open segment and the count of bytes; held for microseconds
        self._syncing = threading.Lock()  # whoever syncs, closes or renames segments
        self._encoder = msgspec.json.Encoder()
        self._open: Segment | None = None
        self._retired: list[Segment] = []
        self._fault: str | None = None
        self._refusing = False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("w") as together:
            fcntl.flock(
                together, fcntl.LOCK_EX
            )  # nobody takes a folder for dead before its replica has locked it
            self._lock = _alive(self._own)
            self._number = self._adopt(folder)
        self._bytes = sum(segment.stat().st_size for segment in self.closed())

    @property
    def size(self) -> int:
        """What lies on disk, waiting to be shipped."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether the last append was refused, and nothing has been let go since."""
        return self._refusing or self._fault is not None

    def lag(self) -> float:
        """Seconds since the oldest answer that is not shipped yet was begun to be written; 0 when there is none."""
        for segment in _segments(self._own):
            try:
                return max(0.0, time.time() - _begun(segment))
            except FileNotFoundError:
                continue
        return 0.0

    def append(self, line: JournalLine) -> None:
        """Write a line with one system call, all or none; raises JournalFull when it doesn't fit the disk or bound."""
        content = self._encoder.encode(line) + b"\n"
        with self._mutex:
            if self._fault:
                raise JournalFull(self._fault)
            if self._bytes + len(content) > self.bound:
                self._refusing = True
                raise JournalFull(
                    f"the journal {self._own} holds {self._bytes} bytes of {self.bound}: predictions go on once the "
                    "database takes them again"
                )
            if self._open and self._open.size + len(content) > self._segment_bytes:
                self._retire()
            self._write(self._open or self._begin(), content)
            self._bytes += len(content)

    def sync(self) -> None:
        """Make what was appended before this call outlive a power cut; raises JournalFull, and refuses on, where it can't."""
        with self._syncing:
            with self._mutex:
                segment, retired, self._retired = self._open, self._retired, []
            try:
                for old in retired:
                    self._finish(old)
                if segment and segment.dirty and self.sync_mode != "never":
                    self._flush(segment)
                self._fault = None
            except OSError as error:
                self._fault = f"the journal {self._own} can't be synced ({error.strerror}): look after its disk"
                raise JournalFull(self._fault) from error

    def rotate(self) -> None:
        """Close the segment that is written, if there is anything in it."""
        with self._mutex:
            self._retire()
        self.sync()

    def closed(self) -> list[Path]:
        """Closed segments, oldest first."""
        return sorted(self._own.glob("*.jsonl"))

    def delete(self, segment: Path) -> None:
        """Let go of a segment whose lines are logged."""
        size = segment.stat().st_size
        segment.unlink()
        with self._mutex:
            self._bytes -= size
            self._refusing = False

    def find(self, use_case: str, prediction_id: UUID) -> Prediction | None:
        """Return an answer that is not shipped yet; newest segments are looked through first."""
        needle = str(prediction_id).encode()
        for segment in reversed(_segments(self._own)):
            for line in _lines(segment):
                if needle in line:
                    for prediction in read(line).predictions():
                        if prediction.prediction_id == prediction_id:
                            return prediction if prediction.use_case == use_case else None
        return None

    def close(self) -> None:
        """Close the segment and let others take the folder; an empty one goes away."""
        self.rotate()
        if not self.closed():
            (self._own / "lock").unlink(missing_ok=True)
            _remove(self._own)
        os.close(self._lock)

    def _begin(self) -> Segment:
        self._number += 1
        path = self._own / f"{self._number:012d}.open"
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
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
        segment.dirty = False  # before: what is written meanwhile is for the next time
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
        """Take over the segments of the dead, this replica's own former life included; return the last number used."""
        number = max((int(segment.stem) for segment in _segments(self._own)), default=0)
        for left in sorted(self._own.glob("*.open")):
            left.rename(left.with_suffix(".jsonl"))
        for other in sorted(
            path.parent for path in folder.glob("*/lock") if path.parent != self._own
        ):
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


def read(line: bytes) -> JournalLine:
    """Read a line again."""
    return msgspec.json.decode(line, type=JournalLine)


def whole_lines(segment: Path) -> bytes:
    """A segment's whole lines: a last line without its end was never answered, and is dropped."""
    content = segment.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        log.warning(
            "%s: dropped a torn last line of %d bytes, which was never answered",
            segment,
            len(content) - end,
        )
    return content[:end]


def _segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".open", ".jsonl"))


def _begun(segment: Path) -> float:
    """When a segment was begun: when its first line was scored."""
    with segment.open("rb") as file:
        first = file.readline()
    try:
        return read(first).scored_at.timestamp()
    except msgspec.DecodeError:  # torn, or not written yet
        return segment.stat().st_mtime


def _lines(segment: Path) -> list[bytes]:
    for name in (
        segment,
        segment.with_suffix(".jsonl"),
    ):  # it may be closed, or shipped, while it is looked for
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
        raise SixgateError(
            f"{folder} belongs to a replica that is alive: give each its own port or home"
        ) from error
    return lock


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        log.warning("%s holds files that are no segments and stays", folder)
