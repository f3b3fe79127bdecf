"""Lines of a journal."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import msgspec

from serving.journal.journal import JournalLine, JournalRow
from serving.journal.prediction_ids import uuid7

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def row(number: int) -> JournalRow:
    return JournalRow(
        prediction_id=uuid7(number)[0],
        transaction_id=f"t-{number}",
        features=[1.0, math.nan],
        score=0.5,
        predicted_label=1,
    )


def line(*numbers: int) -> JournalLine:
    return JournalLine(
        scored_at=NOW,
        use_case="fraud",
        model_version=1,
        contract_hash="hash",
        threshold=0.5,
        replica="replica",
        rows=[row(number) for number in numbers],
    )


def encoded(sizes: list[int]) -> list[bytes]:
    """Lines of these sizes; their rows are numbered from 0."""
    lines = []
    first = 0
    for size in sizes:
        numbers = range(first, first + size)
        lines.append(msgspec.json.encode(line(*numbers)) + b"\n")
        first += size
    return lines


def numbered(count: int) -> list[str]:
    return [f"t-{number}" for number in range(count)]
