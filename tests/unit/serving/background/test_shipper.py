"""The shipper: what the journal holds is logged once, and what the table refuses is set aside."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.background.shipper import halves
from serving.journal.journal import JournalLine, read
from tests.unit.serving.journal.lines import encoded, numbered


def single_rows(lines: bytes) -> list[JournalLine]:
    """Halve lines until each has one row."""
    parts = halves(lines)
    if not parts:
        return [read(lines)]
    return [single for part in parts for single in single_rows(part)]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_halving_ends_with_single_rows_and_loses_none(sizes):
    lines = b"".join(encoded(sizes))
    rows = []
    for single in single_rows(lines):
        assert len(single.rows) == 1
        rows += single.rows
    transaction_ids = [row.transaction_id for row in rows]
    assert transaction_ids == numbered(sum(sizes))
