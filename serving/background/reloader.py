"""The reloader: hears of promotions and makes every use case follow them; polling is its fall-back."""

import logging
import threading
import time
from collections.abc import Sequence

import psycopg
from psycopg import sql

from pipelines.records import Alert
from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import Connection, connect
from pipelines.stores.ledger import Ledger
from serving.background.model_watcher import Watch
from serving.wire.schemas import LiveAlert

PROMOTIONS, ALERTS = "sixgate_promotions", "sixgate_alerts"
POLL = 2.0
HURRY = 0.2
SLICE = 0.5  # a stop is noticed within this time

log = logging.getLogger(__name__)


class Reloader(threading.Thread):
    """A thread that LISTENs for promotions, and asks ledger and alias every 2 s, or 0.2 s while one is under way."""

    def __init__(self, settings: Settings, watches: Sequence[Watch]) -> None:
        super().__init__(name="reloader", daemon=True)
        self._settings, self._watches = settings, watches
        self._ended = threading.Event()

    def run(self) -> None:
        """Follow until stopped; without a database, serve what served last and try again."""
        while not self._ended.is_set():
            try:
                with connect(self._settings, autocommit=True) as connection:
                    for channel in (PROMOTIONS, ALERTS):
                        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                    self._follow(connection)
            except psycopg.Error as error:
                log.warning("promotions can't be followed: %s", " ".join(str(error).split()))
                for watch in self._watches:
                    watch.without_database()
            except Exception:
                log.exception("an error of the reloader's own; it goes on")
            self._ended.wait(POLL)

    def stop(self) -> None:
        """Stop following; what serves goes on serving."""
        self._ended.set()
        self.join(5)

    def _follow(self, connection: Connection) -> None:
        while not self._ended.is_set():
            for watch in self._watches:
                self._check(watch, connection)
            pause = HURRY if any(watch.settling for watch in self._watches) else POLL
            if self._announced(connection, pause):
                for watch in self._watches:
                    watch.hurry()

    def _check(self, watch: Watch, connection: Connection) -> None:
        try:
            watch.check(Ledger(connection), AlertStore(connection))
        except psycopg.Error:
            raise
        except Exception as error:  # one use case's trouble must not keep the others from following
            watch.fault(f"promotions can't be followed: {error!r}")

    def _announced(self, connection: Connection, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self._ended.is_set() and (left := until - time.monotonic()) > 0:
            heard = list(
                connection.notifies(timeout=min(SLICE, left), stop_after=1)
            )  # the connection is its own until it ends
            for notice in heard:
                if notice.channel == ALERTS and notice.payload.isdecimal():
                    self._alerted(AlertStore(connection).find(int(notice.payload)))
            if any(notice.channel == PROMOTIONS for notice in heard):
                return True
        return False

    def _alerted(self, alert: Alert | None) -> None:
        """Tell those who listen to the alert's use case; anybody may announce one that is not there."""
        if alert is None:
            return
        event = LiveAlert(
            alert.id, alert.cause, alert.severity, alert.state, alert.message, alert.updated_at
        )
        for watch in self._watches:
            if watch.use_case == alert.use_case:
                watch.live.tell(event)
