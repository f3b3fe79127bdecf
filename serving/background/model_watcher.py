"""One use case's way to the model that may serve: prove beside the old one, swap one reference, keep the old on any fault."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx

from pipelines.errors import SixgateError
from pipelines.records import LedgerEntry
from pipelines.rules.model.bundle import WARM_UP
from pipelines.rules.promotion.ledger import Served
from pipelines.stores.alerts import AlertStore
from pipelines.stores.ledger import Ledger
from serving.metrics.metrics import Metrics
from serving.model.ledger_agreement import allowed, disagreement
from serving.model.model_cache import ModelCache
from serving.model.registry import RegistryReader
from serving.model.served_model import ServedModel, load
from serving.scoring import UseCaseScorer
from serving.wire.schemas import LiveReload

MOVED, REFUSED = "alias_moved_by_hand", "model_refused"  # causes of alerts
SETTLING = 10.0  # seconds in which the alias may lag behind a new ledger row
FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0

log = logging.getLogger(__name__)


class Watch:
    """What one use case serves, against what alias and ledger say; used by the reloader's thread alone."""

    def __init__(
        self,
        scorer: UseCaseScorer,
        registry: RegistryReader,
        cache: ModelCache,
        metrics: Metrics,
        changed: Callable[[], None],
    ) -> None:
        self._scorer, self._registry, self._cache = scorer, registry, cache
        self.use_case = scorer.use_case
        self.live = scorer.live
        self._metrics, self._changed = metrics, changed
        self._entry: int | None = None
        self._settled_at = self._retry_at = 0.0
        self._retry = FIRST_RETRY
        self._told: dict[
            str, str | None
        ] = {}  # empty at start: a former life may have left an alert open
        self._refusal: str | None = None
        self._doubt: str | None = None
        self.agrees = False

    @property
    def settling(self) -> bool:
        """Whether the ledger has just moved and the alias, or this replica, has not followed yet."""
        return not self.agrees and time.monotonic() < self._settled_at

    def hurry(self) -> None:
        """A promotion was announced: what failed before may be tried again at once."""
        self._settled_at = time.monotonic() + SETTLING
        self._retry_at, self._retry = 0.0, FIRST_RETRY

    def check(self, ledger: Ledger, alerts: AlertStore) -> None:
        """Ask alias and ledger, and serve what they agree on.

        The alias is asked first: a promotion writes its row before it moves the alias, so a target seen here has its row.
        """
        try:
            alias = self._registry.version(self.use_case)
        except (httpx.HTTPError, OSError) as error:
            self._without_registry(ledger.newest(self.use_case), error)
            return
        newest = ledger.newest(self.use_case)
        self._notice(newest)
        may = allowed(newest)
        if alias in may:
            self._doubt = None
            self._tell(alerts, MOVED, None)
            self.agrees = self._serve(may[alias]) and self._followed(newest, alias)
            self._scorer.sought = True
            self._tell(alerts, REFUSED, self._refusal)
        else:
            self.agrees = False
            self._from_disk(_newest_first(may))
            self._object(alerts, disagreement(self.use_case, newest, alias))

    def without_database(self) -> None:
        """Nobody can be asked: a replica that serves nothing yet takes what served last, to be confirmed later."""
        last = self._cache.last()
        self._from_disk([last] if last else [])

    def _without_registry(self, newest: LedgerEntry | None, error: Exception) -> None:
        """The ledger alone says what may serve; what lies here of it does, if nothing serves yet."""
        self.agrees = False
        self._from_disk(_newest_first(allowed(newest)))
        self.fault(f"the model registry is away: {error}")

    def _notice(self, newest: LedgerEntry | None) -> None:
        entry = newest.id if newest else None
        if entry != self._entry:
            if self._entry is not None:
                self.hurry()
            self._entry = entry

    def _followed(self, newest: LedgerEntry | None, alias: int | None) -> bool:
        return newest is None or newest.state != "INTENDED" or alias == newest.to_version

    def _serve(self, served: Served | None) -> bool:
        """Swap to `served` unless it serves already; True when it does now."""
        current = self._scorer.model
        if served == (current.served if current else None):
            self._refusal = None
            self._recovered()
            return True
        if served is None:
            log.warning(
                "%s: nothing is in Production any more, so nothing is served", self.use_case
            )
            self._scorer.model = None
            self._reloaded(current)
            self._metrics.version.labels(self.use_case).set(0)
            self._changed()
            return True
        if time.monotonic() < self._retry_at:
            return False
        try:
            files = self._cache.get(served) or self._fetched(served)
            self._swap(served, files)
            self._cache.put(served, files)
        except (SixgateError, httpx.HTTPError, OSError) as error:
            message = f"version {served.version} can't serve: {error}"
            self._refusal = message if isinstance(error, SixgateError) else self._refusal
            return self._failed(message)
        return True

    def _fetched(self, served: Served) -> dict[str, bytes]:
        files = self._registry.fetch(self.use_case, served.version)
        warm_up = self._registry.warm_up(self.use_case, served.version)
        return files if warm_up is None else files | {WARM_UP: warm_up}

    def _swap(self, served: Served, files: Mapping[str, bytes]) -> None:
        model = load(files, served, self._scorer.contract)
        former, self._scorer.model = self._scorer.model, model
        self._reloaded(former)
        self._metrics.reloads.labels(self.use_case).inc()
        self._metrics.version.labels(self.use_case).set(served.version)
        self._scorer.error = self._refusal = None
        self._retry = FIRST_RETRY
        log.info("%s: serves version %d (%s…)", self.use_case, served.version, served.digest[:12])
        self._changed()

    def _reloaded(self, former: ServedModel | None) -> None:
        now, before = (
            model.served.version if model else None for model in (self._scorer.model, former)
        )
        self.live.tell(LiveReload(now, before, datetime.now(UTC)))

    def _from_disk(self, candidates: list[Served]) -> None:
        """Serve the first candidate that lies here whole, if nothing serves yet."""
        for served in candidates:
            if self._scorer.model is None and (files := self._cache.get(served)):
                try:
                    self._swap(served, files)
                except SixgateError as error:
                    self.fault(f"version {served.version} from disk can't serve: {error}")

    def _failed(self, message: str) -> bool:
        self._metrics.reload_failures.labels(self.use_case).inc()
        self._retry_at = time.monotonic() + self._retry
        self._retry = min(LONGEST_RETRY, 2 * self._retry)
        self.fault(message)
        return False

    def fault(self, message: str) -> None:
        """Report what keeps this replica from following; logged once."""
        if self._scorer.error != message:
            log.warning("%s: %s", self.use_case, message)
            self._scorer.error = message
            self._changed()

    def _recovered(self) -> None:
        if self._scorer.error is not None:
            self._scorer.error = None
            self._changed()

    def _object(self, alerts: AlertStore, message: str) -> None:
        """Alert to an alias that the ledger does not name, once it is seen twice and no promotion is under way."""
        seen, self._doubt = self._doubt, message
        if seen != message or time.monotonic() < self._settled_at:
            return
        self.fault(message)
        self._tell(alerts, MOVED, message)

    def _tell(self, alerts: AlertStore, cause: str, message: str | None) -> None:
        """Open the alert of a cause, or resolve it when there is nothing to say; the same is said once."""
        if self._told.get(cause, "") == message:
            return
        if message is None:
            alerts.resolve(self.use_case, cause)
        else:
            alerts.raise_(self.use_case, cause=cause, severity="ALERT", message=message)
        self._told[cause] = message


def _newest_first(may: Mapping[int | None, Served | None]) -> list[Served]:
    """What the ledger allows, a promotion's target before its source."""
    return [served for served in reversed(list(may.values())) if served]
