"""Takes up use cases whose folders appear or are corrected while the server runs."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from pipelines.errors import UseCaseError
from pipelines.stores.database import connect
from pipelines.stores.ledger import Ledger
from pipelines.use_case import CONTRACT, POLICY, chosen
from serving.background.contract_watcher import Signature, file_signature
from serving.model.ledger_agreement import in_production
from serving.service import Service

LOOK = 1.0  # seconds between looks at the folders
RETRY = 30.0  # seconds until a folder is tried again whose files are the same
LEDGER_EVERY = 10.0  # seconds between looks at the ledger
CONNECT = 2  # seconds

log = logging.getLogger(__name__)


@dataclass
class _Candidate:
    """A folder that is not served: its files as they were seen and tried last."""

    seen: Signature | None = None
    tried: Signature | None = None
    retry_at: float = 0.0


class UseCaseWatcher(threading.Thread):
    """Looks at the folders every second; a use case that is served is not its affair.

    A removed folder ends nothing: its use case is served until the server restarts.
    """

    def __init__(self, service: Service, changed: Callable[[], None]) -> None:
        """`changed` is called after every use case that was taken up."""
        super().__init__(name="use cases", daemon=True)
        self._settings = service.settings
        self._use_cases = service.use_cases
        self._changed = changed
        self._candidates: dict[str, _Candidate] = {}
        self._ledger_due = 0.0
        self._fault = ""
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until stopped; an error is logged once and does not end the thread."""
        while not self._ended.wait(LOOK):
            try:
                self.look()
                self._fault = ""
            except Exception as error:
                if repr(error) != self._fault:
                    self._fault = repr(error)
                    log.exception("can't look for new use cases; the others are served")

    def stop(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join(5)

    def look(self) -> None:
        """Take up each use case that is not served and whose files are valid."""
        listed = chosen(self._settings.reference, self._settings.use_cases)
        unserved = [name for name in listed if self._is_candidate(name)]
        self._forget_missing(unserved)
        for name in unserved:
            if self._is_due(name):
                self._take_up(name)
        self._read_ledger()

    def _is_candidate(self, name: str) -> bool:
        """Whether a folder may be taken up; a hidden one is a copy that is being made."""
        return not name.startswith(".") and self._use_cases.scorer(name) is None

    def _forget_missing(self, unserved: Collection[str]) -> None:
        known = {*self._candidates, *self._use_cases.faults}
        for name in known - set(unserved):
            self._candidates.pop(name, None)
            self._use_cases.forget(name)

    def _is_due(self, name: str) -> bool:
        """Whether the files are the same at two looks, and were not tried as they are."""
        candidate = self._candidates.setdefault(name, _Candidate())
        signature = self._signature(name)
        settled = signature == candidate.seen
        candidate.seen = signature
        now = time.monotonic()
        if not settled or (signature == candidate.tried and now < candidate.retry_at):
            return False
        candidate.tried = signature
        candidate.retry_at = now + RETRY
        return True

    def _signature(self, name: str) -> Signature:
        folder = self._settings.reference / name
        overlay = self._settings.policy_overlay
        files = [folder / CONTRACT, folder / POLICY, *([overlay] if overlay else [])]
        return tuple(file_signature(file) for file in files)

    def _take_up(self, name: str) -> None:
        try:
            self._use_cases.add([name], new=True)
        except Exception as error:  # a fault of one use case must not stop the others
            fault = UseCaseError(f"internal error: {error!r}")
            if str(self._use_cases.faults.get(name)) != str(fault):
                log.exception("%s can't be taken up", name)
            self._use_cases.note(name, fault, served=False)
        scorer = self._use_cases.scorer(name)
        if scorer is not None:
            log.info("%s: is served from now on, by contract %s", name, scorer.contract.hash)
            self._changed()

    def _read_ledger(self) -> None:
        """Look up which use cases of the start, of those not served, have a Production version.

        The server is not ready while one of them has.
        """
        use_cases = self._use_cases
        names = [name for name in use_cases.started_with if use_cases.scorer(name) is None]
        if not names or time.monotonic() < self._ledger_due:
            return
        self._ledger_due = time.monotonic() + LEDGER_EVERY
        try:
            with connect(self._settings, seconds=CONNECT) as connection:
                ledger = Ledger(connection)
                use_cases.in_production = {
                    name: in_production(ledger.newest(name)) for name in names
                }
        except Exception as error:  # the reloader and the heartbeat log that it is away
            log.debug("can't read the ledger: %s", error)
