"""Entries of the ledger, for the tests of what may serve and where a rollback goes."""

import uuid
from datetime import UTC, datetime

from pipelines.records import LedgerEntry

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def entry(
    state: str, *, before: int | None = 1, after: int = 2, action: str = "PROMOTE"
) -> LedgerEntry:
    return LedgerEntry(
        id=1,
        promotion_id=uuid.UUID(int=1),
        use_case="fraud",
        from_version=before,
        from_digest=before and f"d{before}",
        to_version=after,
        to_digest=f"d{after}",
        action=action,
        state=state,
        actor="a",
        reason="r",
        decision_id=7,
        evidence_hash="h",
        at=NOW,
    )


FIRST = entry("DONE", before=None, after=1)
SECOND = entry("DONE", before=1, after=2)
THIRD = entry("DONE", before=2, after=3)
BACK = entry("DONE", before=3, after=2, action="ROLLBACK")
