"""The shipper: takes closed segments to `prediction_logs`, and deletes them once they are committed."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg

from pipelines.errors import JournalFull
from pipelines.settings import Settings
from pipelines.stores.database import Connection, connect
from pipelines.stores.predictions import PredictionLog
from serving.journal.journal import SYNC_EVERY, Journal, read, whole_lines
from serving.metrics.metrics import Metrics

BEAT = 0.25
PIECE, REST = 64 * 2**10, 0.001
LONGEST_PAUSE = 5.0
DRAIN = 10.0

log = logging.getLogger(__name__)


class Shipper(threading.Thread):
    """A thread with a connection of its own; while the database is away it waits, and the journal grows."""

    def __init__(self, settings: Settings, journal: Journal, metrics: Metrics) -> None:
        super().__init__(name="shipper", daemon=True)
        self._settings, self._journal, self._metrics = settings, journal, metrics
        self._refused = settings.home / "journal" / "refused.jsonl"
        self._connection: Connection | None = None
        self._ended = threading.Event()
        self._pause = BEAT

    def run(self) -> None:
        """Ship every quarter of a second until stopped, then what is left."""
        while not self._ended.wait(self._pause):
            self._turn()
        self._drain(time.monotonic() + DRAIN)
        self._disconnect()

    def stop(self) -> None:
        """Ship what is left, for 10 s at most; the rest is shipped at the next start."""
        self._ended.set()
        self.join(DRAIN)

    def _turn(self) -> bool:
        """Ship all there is; False when the database is away."""
        try:
            connection = self._connected()
            self._journal.rotate()
            for segment in self._journal.closed():
                self._ship(connection, segment)
        except Exception as error:  # whatever it is, answers must go on being kept
            self._disconnect()
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            log.warning("shipping waits %.1f s: %s", self._pause, " ".join(str(error).split()))
            return False
        self._pause = BEAT
        return True

    def _drain(self, deadline: float) -> None:
        while self._journal.size and not self._turn() and time.monotonic() + self._pause < deadline:
            time.sleep(self._pause)

    def _ship(self, connection: Connection, segment: Path) -> None:
        self._record(connection, whole_lines(segment))
        self._journal.delete(segment)

    def _record(self, connection: Connection, lines: bytes) -> None:
        """Log lines in one transaction; a row that the table refuses is found by halving, and set aside."""
        try:
            with connection.transaction():
                logged = PredictionLog(connection).record(paced(lines))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            parts = halves(lines)
            if not parts:
                self._set_aside(lines, error)
            for part in parts:
                self._record(connection, part)
            return
        self._metrics.shipped.inc(logged)

    def _set_aside(self, line: bytes, error: Exception) -> None:
        log.error("what can't be logged is set aside in %s: %s", self._refused, error)
        with self._refused.open("ab") as file:
            file.write(line)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = connect(self._settings, autocommit=True)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def paced(lines: bytes) -> Iterator[bytes]:
    """Pieces with a rest after each: scoring shares the processor, and must not wait while megabytes are sent."""
    for start in range(0, len(lines), PIECE):
        yield lines[start : start + PIECE]
        time.sleep(REST)


def halves(lines: bytes) -> list[bytes]:
    """Two halves of some lines, or of one line's rows; none of a single row, or of what is no line of ours."""
    if lines.count(b"\n") > 1:
        middle = lines.find(b"\n", len(lines) // 2)
        middle = (middle if 0 <= middle < len(lines) - 1 else lines.find(b"\n")) + 1
        return [lines[:middle], lines[middle:]]
    try:
        line = read(lines)
    except msgspec.DecodeError:  # another version's, or spoiled
        return []
    middle = len(line.rows) // 2
    both = (line.rows[:middle], line.rows[middle:]) if middle else ()
    return [msgspec.json.encode(msgspec.structs.replace(line, rows=rows)) + b"\n" for rows in both]


class Syncer(threading.Thread):
    """Syncs the journal every 100 ms, so that a power cut takes no more than that."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(name="syncer", daemon=True)
        self._journal, self._ended = journal, threading.Event()

    def run(self) -> None:
        """Sync until stopped; a fault is logged once, and the journal refuses as long as it lasts."""
        fault = ""
        while not self._ended.wait(SYNC_EVERY):
            try:
                self._journal.sync()
                fault = ""
            except JournalFull as error:
                if str(error) != fault:
                    fault = str(error)
                    log.error("%s", fault)

    def stop(self) -> None:
        """Stop; closing the journal syncs what is left."""
        self._ended.set()
        self.join(5)
