"""The append-only ledger `promotions`, and `serving_replicas`, the state of each replica."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from pipelines.errors import PromotionBusy
from pipelines.records import LedgerEntry, Replica
from pipelines.stores.database import Connection, queries


class Ledger:
    """Promotions and rollbacks: each state of one is a row."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, state: str, **entry: Any) -> None:
        """Append one state of a promotion unless the promotion has that state already."""
        queries("ledger").write_entry(self._connection, state=state, **entry)

    def of(self, promotion_id: UUID) -> list[LedgerEntry]:
        """List the states of a promotion, oldest first."""
        rows = queries("ledger").entries_of(self._connection, promotion_id=promotion_id)
        return [LedgerEntry(**row) for row in rows]

    def newest(self, use_case: str) -> LedgerEntry | None:
        """Return the newest entry that was not refused, which says what may be served."""
        row = queries("ledger").newest(self._connection, use_case=use_case)
        return LedgerEntry(**row) if row else None

    def recent(self, use_case: str, *, limit: int = 50) -> list[LedgerEntry]:
        """List the newest entries, newest first."""
        rows = queries("ledger").list_entries(self._connection, use_case=use_case, limit=limit)
        return [LedgerEntry(**row) for row in rows]

    @contextmanager
    def locked(self, use_case: str, *, within: timedelta) -> Iterator[None]:
        """Hold the promotion lock of a use case; needs an autocommit connection.

        Raises PromotionBusy, naming the process that holds the lock, when it is not free after
        `within`.
        """
        ledger = queries("ledger")
        ledger.limit_waiting(self._connection, milliseconds=round(within.total_seconds() * 1000))
        try:
            ledger.lock_use_case(self._connection, use_case=use_case)
        except psycopg.errors.LockNotAvailable:
            raise PromotionBusy(self._busy(use_case, within)) from None
        finally:
            ledger.limit_waiting(self._connection, milliseconds=0)
        try:
            yield
        finally:
            ledger.unlock_use_case(self._connection, use_case=use_case)

    def _busy(self, use_case: str, within: timedelta) -> str:
        row = queries("ledger").lock_holder(self._connection, use_case=use_case)
        holder = "a process that has ended since"
        if row:
            holder = f"process {row['pid']} of role {row['role']}"
        return (
            f"the promotion lock of {use_case} was not free within "
            f"{within.total_seconds():.0f} s: PostgreSQL gave it to {holder}. "
            "Try again when that promotion has ended, or end the process with pg_terminate_backend"
        )


class ReplicaStore:
    """What each replica reports that it serves."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def report(
        self,
        replica: str,
        use_case: str,
        *,
        version: int | None,
        digest: str | None,
        error: str | None,
        loaded_at: datetime | None,
        contract_hash: str | None = None,
    ) -> None:
        """Store what a replica serves now, and the time of the report."""
        queries("ledger").report_replica(
            self._connection,
            replica=replica,
            use_case=use_case,
            version=version,
            digest=digest,
            error=error,
            loaded_at=loaded_at,
            contract_hash=contract_hash,
        )

    def live(self, use_case: str) -> list[Replica]:
        """List the replicas that reported within the last 15 s."""
        rows = queries("ledger").live_replicas(self._connection, use_case=use_case)
        return [Replica(**row) for row in rows]

    def forget(self, replica: str) -> None:
        """Remove a replica that was stopped on purpose, so that promotions do not wait for it."""
        queries("ledger").forget_replica(self._connection, replica=replica)
