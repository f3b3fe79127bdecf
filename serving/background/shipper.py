"""The shipper inserts closed segments into `prediction_logs` and deletes them after the commit."""

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
CHUNK = 64 * 2**10
REST = 0.001
LONGEST_PAUSE = 5.0
DRAIN = 10.0

log = logging.getLogger(__name__)


class Shipper(threading.Thread):
    """Ships the journal; while the database is down it retries, and the journal grows."""

    def __init__(self, settings: Settings, journal: Journal, metrics: Metrics) -> None:
        super().__init__(name="shipper", daemon=True)
        self._settings = settings
        self._journal = journal
        self._metrics = metrics
        self._refused = settings.home / "journal" / "refused.jsonl"
        self._connection: Connection | None = None
        self._ended = threading.Event()
        self._pause = BEAT

    def run(self) -> None:
        """Ship every quarter of a second until stopped, then ship the rest."""
        while not self._ended.wait(self._pause):
            self._ship_all()
        self._drain(time.monotonic() + DRAIN)
        self._disconnect()

    def stop(self) -> None:
        """Ship the rest for 10 s at most; what remains is shipped at the next start."""
        self._ended.set()
        self.join(DRAIN)

    def _ship_all(self) -> bool:
        """Ship all predictions; False when that failed."""
        try:
            connection = self._connected()
            self._journal.rotate()
            for segment in self._journal.closed():
                self._ship(connection, segment)
        except Exception as error:  # any error: the journal keeps the predictions for the next try
            self._disconnect()
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            reason = " ".join(str(error).split())
            log.warning("can't ship predictions, retrying in %.1f s: %s", self._pause, reason)
            return False
        self._pause = BEAT
        return True

    def _drain(self, deadline: float) -> None:
        while self._journal.size:
            if self._ship_all() or time.monotonic() + self._pause >= deadline:
                return
            time.sleep(self._pause)

    def _ship(self, connection: Connection, segment: Path) -> None:
        self._record(connection, whole_lines(segment))
        self._journal.delete(segment)

    def _record(self, connection: Connection, lines: bytes) -> None:
        """Insert lines in one transaction.

        When the table refuses a row, halving finds it, and it is moved to `refused.jsonl`.
        """
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
        log.error("can't log a prediction; it is moved to %s: %s", self._refused, error)
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
    """Yield chunks and sleep after each: scoring shares the processor, and must not be delayed."""
    for start in range(0, len(lines), CHUNK):
        yield lines[start : start + CHUNK]
        time.sleep(REST)


def halves(lines: bytes) -> list[bytes]:
    """Split lines, or the rows of one line, into two halves.

    Returns an empty list for a single row, and for a line that can't be decoded.
    """
    if lines.count(b"\n") > 1:
        middle = lines.find(b"\n", len(lines) // 2)
        if not 0 <= middle < len(lines) - 1:
            middle = lines.find(b"\n")
        return [lines[: middle + 1], lines[middle + 1 :]]
    try:
        line = read(lines)
    except msgspec.DecodeError:  # written by another version, or damaged
        return []
    middle = len(line.rows) // 2
    if middle == 0:
        return []
    first = msgspec.structs.replace(line, rows=line.rows[:middle])
    second = msgspec.structs.replace(line, rows=line.rows[middle:])
    return [msgspec.json.encode(half) + b"\n" for half in (first, second)]


class Syncer(threading.Thread):
    """Syncs the journal every 100 ms, which bounds what a power failure can lose."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(name="syncer", daemon=True)
        self._journal = journal
        self._ended = threading.Event()

    def run(self) -> None:
        """Sync until stopped; a fault is logged once, and the journal refuses while it lasts."""
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
        """Stop; closing the journal syncs the rest."""
        self._ended.set()
        self.join(5)
