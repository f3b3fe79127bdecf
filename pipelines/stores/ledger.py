"""`promotions`, the append-only ledger, and `serving_replicas`, who serves what."""

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
    """Promotions and rollbacks, each state a row of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, state: str, **entry: Any) -> None:
        """Append one state of a promotion; one that is there already stays as it is."""
        queries("ledger").write_entry(self._connection, state=state, **entry)

    def of(self, promotion_id: UUID) -> list[LedgerEntry]:
        """The states a promotion has been through, oldest first."""
        return [
            LedgerEntry(**row)
            for row in queries("ledger").entries_of(self._connection, promotion_id=promotion_id)
        ]

    def newest(self, use_case: str) -> LedgerEntry | None:
        """The entry that says what may be served."""
        row = queries("ledger").newest(self._connection, use_case=use_case)
        return LedgerEntry(**row) if row else None

    def recent(self, use_case: str, *, limit: int = 50) -> list[LedgerEntry]:
        """The newest entries first."""
        return [
            LedgerEntry(**row)
            for row in queries("ledger").list_entries(
                self._connection, use_case=use_case, limit=limit
            )
        ]

    @contextmanager
    def locked(self, use_case: str, *, within: timedelta) -> Iterator[None]:
        """Hold the use case's promotion lock; needs an autocommit connection.

        PromotionBusy after waiting for `within`, with the process that holds it.
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
        holder = queries("ledger").lock_holder(self._connection, use_case=use_case)
        who = (
            f"process {holder['pid']} of role {holder['role']}"
            if holder
            else "a process that ended just now"
        )
        seconds = f"{within.total_seconds():.0f} s"
        return (
            f"the promotion lock of {use_case} was not free within {seconds}: PostgreSQL gave it to {who}. "
            "Try again when that promotion has ended, or end the process with pg_terminate_backend"
        )


class ReplicaStore:
    """What each replica says it serves."""

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
    ) -> None:
        """Say what a replica serves now, and that it is alive."""
        queries("ledger").report_replica(
            self._connection,
            replica=replica,
            use_case=use_case,
            version=version,
            digest=digest,
            error=error,
            loaded_at=loaded_at,
        )

    def live(self, use_case: str) -> list[Replica]:
        """Replicas seen within 15 s."""
        return [
            Replica(**row)
            for row in queries("ledger").live_replicas(self._connection, use_case=use_case)
        ]

    def forget(self, replica: str) -> None:
        """Forget a replica that stopped on purpose."""
        queries("ledger").forget_replica(self._connection, replica=replica)
