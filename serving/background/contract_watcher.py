"""Makes one use case follow its contract file: a change is applied without a restart.

A file that is invalid, or that has a change that is refused, leaves the contract in force and
raises an alert.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.stores.alerts import AlertStore
from pipelines.stores.contracts import ContractStore
from pipelines.stores.database import Connection
from pipelines.use_case import CONTRACT, POLICY, read_new_contract
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire.schemas import LiveContract

REFUSED = "contract_refused"  # the cause of the alert
RESOLUTION = "the contract's file is the contract in force"
ACCEPTED_EVERY = 10.0  # seconds between looks at what the database says is accepted
# Errors about one statement: the connection is usable, so they concern one use case only.
UNRECORDED = (
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.LockNotAvailable,
)
RETRY = 10.0  # seconds
FileSignature = tuple[int, int, int, int] | None
Signature = tuple[FileSignature, ...]

log = logging.getLogger(__name__)


class ContractWatcher:
    """Compares the contract in force with its file; only the reloader's thread uses it."""

    def __init__(
        self, scorer: UseCaseScorer, service: Service, changed: Callable[[], None]
    ) -> None:
        """`changed` is called after every change of the contract in force."""
        self.use_case = scorer.use_case
        self._scorer = scorer
        self._service = service
        self._use_cases = service.use_cases
        self._changed = changed
        settings = service.settings
        folder = settings.reference / scorer.use_case
        self._folder = folder
        overlay = [settings.policy_overlay] if settings.policy_overlay else []
        self._files = [folder / CONTRACT, folder / POLICY, *overlay]
        self._read: Signature = ()  # of the files as they were read last
        self._seen = self._signature()
        self._recorded = False  # whether the contract in force is the current one of the database
        self._due = 0.0
        self._retry_at = 0.0
        self._unrecorded = False  # whether the database refused to record a contract
        self._fault: str | None = None
        self._alerted: str | None = ""  # empty at start: an earlier process may have left an alert

    def hurry(self) -> None:
        """Read the files and the database at the next check, because a change was announced."""
        self._seen = ()
        self._read = ()
        self._due = 0.0
        self._retry_at = 0.0

    def check(self, connection: Connection | None) -> None:
        """Apply the file's contract if it changed; without a database, it is recorded later.

        A contract that the database refuses to record, or whose lock another session holds, is
        tried again later: it must not keep other use cases waiting.
        """
        if time.monotonic() < self._retry_at:
            return
        try:
            self._follow_file(connection)
            if connection is not None:
                self._record(ContractStore(connection))
                self._update_alert(AlertStore(connection))
        except UNRECORDED as error:
            self._unrecorded = True
            self._retry_at = time.monotonic() + RETRY
            reason = " ".join(str(error).split())
            message = f"the contract can't be recorded in the database: {reason}"
            self._use_cases.note(self.use_case, UseCaseError(message))
            return
        if self._unrecorded:
            self._unrecorded = False
            self._read = ()  # the next check notes the fault of the folder again, if it has one

    def _follow_file(self, connection: Connection | None) -> None:
        hurried = self._seen == ()
        signature = self._signature()
        settled = hurried or signature == self._seen  # otherwise it may be half written
        self._seen = signature
        if settled and signature != self._read:
            self._apply(self._use_cases.reread(self.use_case), connection)
            self._read = signature
            self._fault = self._fault_of_contract()

    def _signature(self) -> Signature:
        return tuple(file_signature(file) for file in self._files)

    def _apply(self, contract: Contract | None, connection: Connection | None) -> None:
        """Put a contract into force; None and the one in force change nothing."""
        former = self._scorer.contract
        if contract is None or contract == former:
            return
        if connection is not None:
            try:
                ContractStore(connection).apply(contract)
            except UseCaseError as fault:
                self._use_cases.note(self.use_case, fault)
                return
        self._accept(contract, [former, *self._scorer.earlier])
        if contract.hash == former.hash:
            log.info("%s: the texts of the contract changed", self.use_case)
            return
        self._recorded = False
        log.info("%s: contract %s is in force", self.use_case, contract.hash)
        self._service.metrics.contract_changes.labels(self.use_case).inc()
        event = LiveContract(
            contract_hash=contract.hash, former_hash=former.hash, at=datetime.now(UTC)
        )
        self._scorer.live.publish(event)

    def _accept(self, contract: Contract, others: Sequence[Contract]) -> None:
        """Accept rows of a contract and of others; each hash counts once."""
        earlier = {other.hash: other for other in others if other.hash != contract.hash}
        self._scorer.accept(contract, list(earlier.values()))
        self._use_cases.contracts.put([contract, *earlier.values()])
        self._changed()

    def _record(self, contracts: ContractStore) -> None:
        """Make the contract in force the current one, and accept what the database says."""
        if not self._recorded:
            try:
                contracts.apply(self._scorer.contract)
            except UseCaseError as fault:
                self._keep(contracts, fault)
                return
            self._recorded = True
            self._due = 0.0
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + ACCEPTED_EVERY
        grace = self._use_cases.grace(self.use_case)
        contracts.end_outlived(self.use_case, replaced_before=datetime.now(UTC) - grace)
        accepted = contracts.accepted(self.use_case)
        in_force = self._scorer.contract
        others = [contract for contract in accepted if contract.hash != in_force.hash]
        if [other.hash for other in others] != [other.hash for other in self._scorer.earlier]:
            self._accept(in_force, others)

    def _keep(self, contracts: ContractStore, fault: UseCaseError) -> None:
        """Keep the database's contract in force: the one of the file can't replace it."""
        current, *earlier = contracts.accepted(self.use_case)
        self._use_cases.note(self.use_case, fault)
        self._fault = str(fault)
        self._recorded = True
        self._accept(current, earlier)

    def _update_alert(self, alerts: AlertStore) -> None:
        message = self._fault
        if message == self._alerted:
            return
        if message is None:
            alerts.resolve(self.use_case, REFUSED, RESOLUTION)
        else:
            alerts.raise_(self.use_case, cause=REFUSED, severity="ALERT", message=message)
        self._alerted = message

    def _fault_of_contract(self) -> str | None:
        """Say why the file's contract is not in force; None when it is."""
        fault = self._use_cases.faults.get(self.use_case)
        if fault is None:
            return None
        try:
            file = read_new_contract(self._folder, self._service.settings.last_valid)
        except UseCaseError:
            return str(fault)
        return None if file == self._scorer.contract else str(fault)


def file_signature(file: Path) -> FileSignature:
    """Return what changes with a file's content, name or permissions; None without the file."""
    try:
        status = file.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
