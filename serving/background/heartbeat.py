"""The heartbeat reports what this replica serves, after every change and every 5 s.

It also refreshes the drift metrics, and stores the counts of refused and treated values.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from pipelines.settings import Settings
from pipelines.stores.database import Connection, connect
from pipelines.stores.ledger import ReplicaStore
from serving.background.quality_counts import QualityReporter
from serving.metrics.drift_metrics import DriftMetrics
from serving.scoring import UseCaseScorer

BEAT = 5.0
RETRY = 1.0
UNFOLLOWED = 30.0  # seconds without a look for promotions until a use case counts as not followed

log = logging.getLogger(__name__)


class Heartbeat(threading.Thread):
    """A separate thread, so that a hanging registry does not make this replica look dead."""

    def __init__(
        self,
        settings: Settings,
        replica: str,
        scorers: Callable[[], Sequence[UseCaseScorer]],
        drift: DriftMetrics,
    ) -> None:
        """`scorers` returns those of the use cases that are served now."""
        super().__init__(name="heartbeat", daemon=True)
        self._settings = settings
        self._replica = replica
        self._scorers = scorers
        self._drift = drift
        self._quality = QualityReporter()
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._fault = ""
        self._unfollowed: set[str] = set()

    def now(self) -> None:
        """Report at once, because something changed."""
        self._woken.set()

    def run(self) -> None:
        """Report until stopped, then remove this replica."""
        while not self._ended.is_set():
            try:
                with connect(self._settings, autocommit=True) as connection:
                    self._beat(connection)
            except Exception as error:  # promotions treat a replica without heartbeat as dead
                self._log_once(" ".join(str(error).split()))
                self._ended.wait(RETRY)

    def stop(self) -> None:
        """Stop and remove this replica, so that no promotion waits for it."""
        self._ended.set()
        self._woken.set()
        self.join(3)

    def _log_once(self, fault: str) -> None:
        if fault != self._fault:
            log.warning("can't record the heartbeat: %s", fault)
            self._fault = fault

    def _beat(self, connection: Connection) -> None:
        replicas = ReplicaStore(connection)
        while not self._ended.is_set():
            self._woken.clear()
            scorers = self._scorers()
            for scorer in scorers:
                self._report(replicas, scorer)
            self._drift.refresh(connection, [scorer.use_case for scorer in scorers])
            self._quality.send(connection, scorers)
            self._woken.wait(BEAT)
        self._quality.send(connection, self._scorers())
        replicas.forget(self._replica)

    def _report(self, replicas: ReplicaStore, scorer: UseCaseScorer) -> None:
        model = scorer.model
        replicas.report(
            self._replica,
            scorer.use_case,
            version=model.served.version if model else None,
            digest=model.served.digest if model else None,
            error=scorer.error or self._why_unfollowed(scorer),
            loaded_at=model.loaded_at if model else None,
            contract_hash=scorer.contract.hash,
        )

    def _why_unfollowed(self, scorer: UseCaseScorer) -> str | None:
        """Say that promotions are not followed; otherwise a replica that is alive would hide it."""
        if time.monotonic() - scorer.followed_at < UNFOLLOWED:
            self._unfollowed.discard(scorer.use_case)
            return None
        message = f"promotions were not looked for in the last {UNFOLLOWED:.0f} s"
        if scorer.use_case not in self._unfollowed:
            self._unfollowed.add(scorer.use_case)
            log.error("%s: %s: see the lines of the reloader", scorer.use_case, message)
        return message
