"""The heartbeat: says what this replica serves, at once after a change and every 5 s; it also looks up the drift figures."""

import logging
import threading
from collections.abc import Sequence

from pipelines.settings import Settings
from pipelines.stores.database import Connection, connect
from pipelines.stores.ledger import ReplicaStore
from serving.metrics.drift_metrics import DriftFigures
from serving.scoring import UseCaseScorer

BEAT = 5.0
RETRY = 1.0

log = logging.getLogger(__name__)


class Heartbeat(threading.Thread):
    """A thread of its own, so that a registry that hangs does not make this replica look dead."""

    def __init__(
        self,
        settings: Settings,
        replica: str,
        scorers: Sequence[UseCaseScorer],
        drift: DriftFigures,
    ) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._drift = drift
        self._settings, self._replica, self._scorers = settings, replica, scorers
        self._woken, self._ended = threading.Event(), threading.Event()
        self._fault = ""

    def now(self) -> None:
        """Report at once: something changed."""
        self._woken.set()

    def run(self) -> None:
        """Report until stopped, then be forgotten."""
        while not self._ended.is_set():
            try:
                with connect(self._settings, autocommit=True) as connection:
                    self._beat(connection)
            except Exception as error:  # a replica that is not heard of is taken for dead
                self._complain(" ".join(str(error).split()))
                self._ended.wait(RETRY)

    def stop(self) -> None:
        """Say goodbye, so that no promotion waits for this replica."""
        self._ended.set()
        self._woken.set()
        self.join(3)

    def _complain(self, fault: str) -> None:
        if fault != self._fault:
            log.warning("the heartbeat is not heard: %s", fault)
            self._fault = fault

    def _beat(self, connection: Connection) -> None:
        replicas = ReplicaStore(connection)
        while not self._ended.is_set():
            self._woken.clear()
            for scorer in self._scorers:
                self._report(replicas, scorer)
            self._drift.refresh(connection, [scorer.use_case for scorer in self._scorers])
            self._woken.wait(BEAT)
        replicas.forget(self._replica)

    def _report(self, replicas: ReplicaStore, scorer: UseCaseScorer) -> None:
        model = scorer.model
        replicas.report(
            self._replica,
            scorer.use_case,
            version=model.served.version if model else None,
            digest=model.served.digest if model else None,
            error=scorer.error,
            loaded_at=model.loaded_at if model else None,
        )
