"""Keeps the model of one use case in step with alias and ledger.

A new model is loaded and verified beside the old one, then replaces it with one assignment. After
any fault the old model stays in service.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx

from pipelines.errors import SixgateError
from pipelines.records import LedgerEntry
from pipelines.rules.model.bundle import WARM_UP, read_bundle
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.use_case.contract import Contract
from pipelines.stores.alerts import AlertStore
from pipelines.stores.ledger import Ledger
from serving.metrics.metrics import Metrics
from serving.model.ledger_agreement import (
    Targets,
    allowed_targets,
    disagreement,
    in_production,
)
from serving.model.model_cache import ModelCache
from serving.model.registry import RegistryReader
from serving.model.served_model import ServedModel, load
from serving.scoring import UseCaseScorer
from serving.wire.schemas import LiveReload

RecordedContract = Callable[[str], Contract | None]

# Causes of alerts.
MOVED = "alias_moved_by_hand"
REFUSED = "model_refused"
RESOLUTIONS = {
    MOVED: "the alias and the ledger agree",
    REFUSED: "no model is refused any more",
}
SETTLING = 10.0  # seconds for which the alias may lag behind a new ledger row
FIRST_RETRY = 1.0
LONGEST_RETRY = 30.0

log = logging.getLogger(__name__)


class ModelWatcher:
    """Compares the model in service with alias and ledger; only the reloader's thread uses it."""

    def __init__(
        self,
        scorer: UseCaseScorer,
        registry: RegistryReader,
        cache: ModelCache,
        metrics: Metrics,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called after every change of what is served or of the fault."""
        self.use_case = scorer.use_case
        self.live = scorer.live
        self.agrees = False
        self._scorer = scorer
        self._registry = registry
        self._cache = cache
        self._metrics = metrics
        self._changed = changed
        self._entry: int | None = None
        self._settled_at = 0.0
        self._retry_at = 0.0
        self._retry = FIRST_RETRY
        # The message of the open alert per cause, None when it is resolved. It is empty at start,
        # because an earlier process may have left an alert open.
        self._alerted: dict[str, str | None] = {}
        self._refusal: str | None = None
        self._disagreement: str | None = None
        self._recorded: RecordedContract | None = None

    @property
    def settling(self) -> bool:
        """Whether the ledger has just changed and alias or replica have not followed yet."""
        return not self.agrees and time.monotonic() < self._settled_at

    def hurry(self) -> None:
        """Retry at once what failed before, because a promotion was announced."""
        self._settled_at = time.monotonic() + SETTLING
        self._retry_at = 0.0
        self._retry = FIRST_RETRY

    def check(
        self, ledger: Ledger, alerts: AlertStore, recorded: RecordedContract | None = None
    ) -> None:
        """Read alias and ledger, and serve the version on which they agree.

        `recorded` finds the contract of a version that does not hold it.
        """
        self._recorded = recorded
        newest = self._follow(ledger, alerts)
        # Last, because a version that has just become Production is loaded by now.
        self._scorer.in_production = in_production(newest)
        self._scorer.followed_at = time.monotonic()

    def _follow(self, ledger: Ledger, alerts: AlertStore) -> LedgerEntry | None:
        """Compare alias and ledger, and return the ledger's newest row.

        The alias is read first: a promotion writes its ledger row before it moves the alias, so the
        row of an alias that is read here exists already.
        """
        try:
            alias = self._registry.version(self.use_case)
        except (httpx.HTTPError, OSError) as error:
            newest = ledger.newest(self.use_case)
            self._without_registry(newest, error)
            return newest
        newest = ledger.newest(self.use_case)
        self._note_entry(newest)
        targets = allowed_targets(newest)
        if alias in targets:
            self._disagreement = None
            self._update_alert(alerts, MOVED, None)
            in_service = self._serve(targets[alias])
            self.agrees = in_service and self._alias_moved(newest, alias)
            self._scorer.looked_up = True
            self._update_alert(alerts, REFUSED, self._refusal)
        else:
            self.agrees = False
            self._serve_cached(_newest_first(targets))
            self._alert_disagreement(alerts, disagreement(self.use_case, newest, alias))
        return newest

    def without_database(self) -> None:
        """Serve the model that served last, if none is in service.

        It is compared with the ledger once the database is reachable again.
        """
        last = self._cache.last()
        self._serve_cached([last] if last else [])
        self._scorer.followed_at = time.monotonic()  # the reloader itself logs what is missing

    def fault(self, message: str) -> None:
        """Report a fault that keeps this replica from following promotions; it is logged once."""
        if self._scorer.error != message:
            log.warning("%s: %s", self.use_case, message)
            self._scorer.error = message
            self._changed()

    def _without_registry(self, newest: LedgerEntry | None, error: Exception) -> None:
        """Serve a cached model that the ledger allows, if none is in service."""
        self.agrees = False
        self._serve_cached(_newest_first(allowed_targets(newest)))
        self.fault(f"the model registry is not reachable: {error}")

    def _note_entry(self, newest: LedgerEntry | None) -> None:
        """Hurry when the ledger has a new row, except for the first row read."""
        entry = newest.id if newest else None
        if entry != self._entry:
            if self._entry is not None:
                self.hurry()
            self._entry = entry

    def _alias_moved(self, newest: LedgerEntry | None, alias: int | None) -> bool:
        """Whether the alias has reached the target of the promotion under way, if there is one."""
        if newest is None or newest.state != "INTENDED":
            return True
        return alias == newest.to_version

    def _serve(self, served: Served | None) -> bool:
        """Put `served` into service unless it is; True when it is in service afterwards."""
        current = self._scorer.model
        if served == (current.served if current else None):
            self._refusal = None
            self._recovered()
            return True
        if served is None:
            self._stop_serving()
            return True
        if time.monotonic() < self._retry_at:
            return False
        try:
            files = self._cache.get(served) or self._fetched(served)
            self._replace(served, files)
            self._cache.put(served, files)
        except (SixgateError, httpx.HTTPError, OSError) as error:
            message = f"version {served.version} can't be served: {error}"
            if isinstance(error, SixgateError):
                self._refusal = message
            self._failed(message)
            return False
        return True

    def _stop_serving(self) -> None:
        log.warning("%s: no version is in Production any more, so none is served", self.use_case)
        former = self._scorer.model
        self._scorer.model = None
        self._publish_reload(former)
        self._metrics.version.labels(self.use_case).set(0)
        self._changed()

    def _fetched(self, served: Served) -> dict[str, bytes]:
        files = self._registry.fetch(self.use_case, served.version)
        warm_up = self._registry.warm_up(self.use_case, served.version)
        return files if warm_up is None else files | {WARM_UP: warm_up}

    def _replace(self, served: Served, files: Mapping[str, bytes]) -> None:
        earlier = [*self._scorer.earlier, *self._contract_of_old(files)]
        model = load(files, served, self._scorer.contract, earlier)
        former = self._scorer.model
        self._scorer.model = model
        self._publish_reload(former)
        self._metrics.reloads.labels(self.use_case).inc()
        self._metrics.version.labels(self.use_case).set(served.version)
        self._scorer.error = None
        self._refusal = None
        self._retry = FIRST_RETRY
        log.info(
            "%s: serves version %d (%s…)",
            self.use_case,
            served.version,
            served.digest[:12],
        )
        self._changed()

    def _contract_of_old(self, files: Mapping[str, bytes]) -> list[Contract]:
        """Return the recorded contract of a version that does not hold it, if there is one."""
        bundle = read_bundle(files, use_case=self.use_case)
        if bundle.contract is not None or self._recorded is None:
            return []
        contract = self._recorded(bundle.contract_hash)
        return [] if contract is None else [contract]

    def _publish_reload(self, former: ServedModel | None) -> None:
        event = LiveReload(
            model_version=_version(self._scorer.model),
            former_version=_version(former),
            at=datetime.now(UTC),
        )
        self.live.publish(event)

    def _serve_cached(self, candidates: list[Served]) -> None:
        """Serve the first candidate that is complete in the cache, if no model is in service."""
        for served in candidates:
            if self._scorer.model is None and (files := self._cache.get(served)):
                try:
                    self._replace(served, files)
                except SixgateError as error:
                    self.fault(f"version {served.version} of the cache can't be served: {error}")

    def _failed(self, message: str) -> None:
        self._metrics.reload_failures.labels(self.use_case).inc()
        self._retry_at = time.monotonic() + self._retry
        self._retry = min(LONGEST_RETRY, 2 * self._retry)
        self.fault(message)

    def _recovered(self) -> None:
        if self._scorer.error is not None:
            self._scorer.error = None
            self._changed()

    def _alert_disagreement(self, alerts: AlertStore, message: str) -> None:
        """Alert once a disagreement was found twice in a row and no promotion is under way."""
        previous = self._disagreement
        self._disagreement = message
        if previous != message or time.monotonic() < self._settled_at:
            return
        self.fault(message)
        self._update_alert(alerts, MOVED, message)

    def _update_alert(self, alerts: AlertStore, cause: str, message: str | None) -> None:
        """Open the alert of a cause, or resolve it when `message` is None; repeats are skipped."""
        if self._alerted.get(cause, "") == message:
            return
        if message is None:
            alerts.resolve(self.use_case, cause, RESOLUTIONS[cause])
        else:
            alerts.raise_(
                self.use_case,
                cause=cause,
                severity="ALERT",
                message=message,
            )
        self._alerted[cause] = message


def _version(model: ServedModel | None) -> int | None:
    return model.served.version if model else None


def _newest_first(targets: Targets) -> list[Served]:
    """Return the versions that the ledger allows, a promotion's target before its source."""
    return [served for served in reversed(targets.values()) if served]
