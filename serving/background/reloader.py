"""The reloader makes every use case follow promotions and its contract's file.

It is notified of changes, and also polls.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import psycopg
from psycopg import Notify, sql

from pipelines.records import Alert
from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.contracts import ContractStore
from pipelines.stores.database import Connection, connect
from pipelines.stores.ledger import Ledger
from serving.background.contract_watcher import ContractWatcher
from serving.background.model_watcher import ModelWatcher
from serving.background.watchers import UseCaseWatchers
from serving.wire.schemas import LiveAlert

PROMOTIONS = "sixgate_promotions"
ALERTS = "sixgate_alerts"
CONTRACTS = "sixgate_contracts"
POLL = 2.0
FAST_POLL = 0.2
SLICE = 0.5  # a stop is noticed within this time
# Waiting for a lock of another session keeps every use case waiting.
LOCK_TIMEOUT = "SET lock_timeout = '2s'"

log = logging.getLogger(__name__)


class Reloader(threading.Thread):
    """LISTENs for promotions, and reads ledger and alias every 2 s, or 0.2 s during a promotion."""

    def __init__(
        self,
        settings: Settings,
        watchers: Callable[[], Sequence[UseCaseWatchers]],
    ) -> None:
        """`watchers` returns those of the use cases that are served now."""
        super().__init__(name="reloader", daemon=True)
        self._settings = settings
        self._watchers = watchers
        self._ended = threading.Event()

    def run(self) -> None:
        """Follow promotions until stopped; without a database, serve the last model and retry."""
        while not self._ended.is_set():
            try:
                with connect(self._settings, autocommit=True) as connection:
                    connection.execute(LOCK_TIMEOUT)
                    for channel in (PROMOTIONS, ALERTS, CONTRACTS):
                        listen = sql.SQL("LISTEN {}").format(sql.Identifier(channel))
                        connection.execute(listen)
                    self._follow(connection)
            except psycopg.Error as error:
                log.warning("can't follow promotions: %s", " ".join(str(error).split()))
                for watchers in self._watchers():
                    self._check_contract(watchers.contract, None)
                    watchers.model.without_database()
            except Exception:
                log.exception("internal error in the reloader; it continues")
            self._ended.wait(POLL)

    def stop(self) -> None:
        """Stop following promotions; the models in service stay in service."""
        self._ended.set()
        self.join(5)

    def _follow(self, connection: Connection) -> None:
        while not self._ended.is_set():
            current = self._watchers()
            for watchers in current:
                self._check_contract(watchers.contract, connection)
            for watchers in current:
                self._check(watchers.model, connection)
            settling = any(watchers.model.settling for watchers in current)
            if self._await_promotion(connection, FAST_POLL if settling else POLL):
                for watchers in self._watchers():
                    watchers.model.hurry()

    def _check_contract(self, watcher: ContractWatcher, connection: Connection | None) -> None:
        try:
            watcher.check(connection)
        except psycopg.Error:
            raise
        except Exception:  # a fault of one use case must not stop the others
            log.exception("%s: can't follow the contract", watcher.use_case)

    def _check(self, watcher: ModelWatcher, connection: Connection) -> None:
        try:
            recorded = ContractStore(connection).body
            watcher.check(Ledger(connection), AlertStore(connection), recorded)
        except psycopg.Error:
            raise
        except Exception as error:  # a fault of one use case must not stop the others
            watcher.fault(f"can't follow promotions: {error!r}")

    def _await_promotion(self, connection: Connection, seconds: float) -> bool:
        """Wait for a notification of a promotion, and publish alerts that are notified meanwhile.

        Returns False when no promotion was notified within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not self._ended.is_set():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            # As a list, because the generator holds the connection until it ends.
            notifications = list(connection.notifies(timeout=min(SLICE, remaining), stop_after=1))
            self._publish_alerts(connection, notifications)
            if any(notification.channel == PROMOTIONS for notification in notifications):
                return True
            if self._contract_announced(notifications):
                return False
        return False

    def _contract_announced(self, notifications: list[Notify]) -> bool:
        """Whether a changed contract was announced; its file is read at the next check."""
        announced = {each.payload for each in notifications if each.channel == CONTRACTS}
        for watchers in self._watchers():
            if watchers.contract.use_case in announced:
                watchers.contract.hurry()
        return bool(announced)

    def _publish_alerts(self, connection: Connection, notifications: list[Notify]) -> None:
        for notification in notifications:
            if notification.channel == ALERTS and notification.payload.isdecimal():
                self._publish(AlertStore(connection).find(int(notification.payload)))

    def _publish(self, alert: Alert | None) -> None:
        """Publish an alert to the live feed; any session may NOTIFY an id that does not exist."""
        if alert is None:
            return
        event = LiveAlert(
            id=alert.id,
            cause=alert.cause,
            severity=alert.severity,
            state=alert.state,
            message=alert.message,
            at=alert.updated_at,
        )
        for watchers in self._watchers():
            if watchers.model.use_case == alert.use_case:
                watchers.model.live.publish(event)
