"""Checks the parts of a source in several threads."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

from pipelines.ingestion.sources.source import FileRows, Part, SetAside, Source
from pipelines.rules.ingestion.row_checks import CheckedRows, check_rows
from pipelines.rules.use_case.contract import Contract

MOST_REFUSED = 0.2  # share of rows; above it, reading all rows as they are takes less time
THREADS = min(4, os.cpu_count() or 1)
Raw = TypeVar("Raw")
Done = TypeVar("Done")


class RowCheck(Protocol):
    """Checks the rows of a table against a contract."""

    def __call__(self, table: pa.Table, contract: Contract, *, now: datetime) -> CheckedRows:
        """Return the rows that keep the contract, and why the others do not."""


@dataclass(frozen=True)
class CheckedPart:
    """A part of a source and the result of its check; `has_ids` is false without an id column."""

    part: Part
    checked: CheckedRows
    has_ids: bool
    read: FileRows | None = None

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """The lines that are no rows; when there are some, the part was read as it is."""
        return self.read.set_aside if self.read else ()


def checked_parts(source: Source, contract: Contract, *, now: datetime) -> Iterator[CheckedPart]:
    """Yield the checked parts of a source in order; a few of them are held in memory."""

    def check(part: Part) -> CheckedPart:
        return check_part(part, contract, now)

    yield from mapped(check, source.parts())


def check_part(
    part: Part, contract: Contract, now: datetime, check: RowCheck = check_rows
) -> CheckedPart:
    """Check the typed values; what they refuse is checked again as it is, for its exact reason."""
    typed = part.typed()
    if typed is not None:
        checked = check(typed, contract, now=now)
        if _with_exact_reasons(checked, part, contract, now, check):
            return CheckedPart(part, checked, contract.transaction_id in typed.column_names)
    rows = part.read()
    checked = check(rows.values, contract, now=now)
    has_ids = contract.transaction_id in rows.values.column_names
    return CheckedPart(part, checked, has_ids, rows)


def _with_exact_reasons(
    checked: CheckedRows, part: Part, contract: Contract, now: datetime, check: RowCheck
) -> bool:
    """Replace the reasons of refused rows by those of the rows as they are in the source.

    Returns false when that is not possible, or not worth it, so that all rows must be read.
    """
    refused = np.flatnonzero(~checked.refusals.good)
    if not len(refused):
        return True
    if len(refused) > MOST_REFUSED * len(checked.labels):
        return False
    original, _ = part.take(refused)
    again = check(original, contract, now=now).refusals
    if again.good.any():
        return False
    checked.refusals.codes[refused] = again.codes
    checked.refusals.pairs[:] = again.pairs
    return True


def mapped(call: Callable[[Raw], Done], parts: Iterator[Raw]) -> Iterator[Done]:
    """Call something for each part in several threads; yield the results in order."""
    pending: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for part in parts:
            pending.append(pool.submit(call, part))
            if len(pending) > THREADS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def text(column: pa.ChunkedArray, row: int) -> str:
    """Return a value as a message shows it."""
    value = column[row].as_py()
    return "" if value is None else str(value)
