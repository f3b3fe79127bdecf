"""Rows whose transaction id an earlier row of the source has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.ingestion.checking import CheckedPart
from pipelines.ingestion.repeated_ids import RepeatedIds
from pipelines.rules.data.refusals import REPEATED
from pipelines.rules.use_case.contract import Contract

POSITION = "sixgate.position"
NUMBER = "sixgate.number"


@dataclass(frozen=True)
class RepeatedRows:
    """Some rows as they are in the source, and their numbers there."""

    rows: pa.Table
    numbers: list[int]

    @staticmethod
    def reason(contract: Contract) -> str:
        """Return the reason as the quarantine has it."""
        return f"{contract.transaction_id}: {REPEATED}"


class Repeats:
    """Finds repeated ids; use it in a `with` block.

    A row that may be repeated is kept on disk as it is in the source, because whether it is
    repeated is known at the end only. `positions` are those of repeated rows among the kept ones.
    """

    def __init__(self, folder: Path) -> None:
        self._ids = RepeatedIds(folder)
        self._suspects = self._ids.folder / "suspects"
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._kept = 0
        self.positions: NDArray[np.int64] = np.empty(0, np.int64)

    def add(self, part: CheckedPart, ids: pa.ChunkedArray) -> None:
        """Add the ids (n,) of the kept rows of a part, in the order of the source."""
        if part.has_ids and len(ids):
            for_arrow = ids.combine_chunks()
            suspects = np.flatnonzero(self._ids.add(for_arrow))
            if len(suspects):
                self._keep(part, suspects)
        self._kept += len(ids)

    def find(self) -> Iterator[RepeatedRows]:
        """Yield the repeated rows in order, in bounded memory."""
        if self._writer is None:
            return
        self._writer.close()
        self.positions = self._ids.repeated()
        with pa.OSFile(str(self._suspects)) as stream:
            for batch in pa.ipc.open_stream(stream):
                is_repeated = np.isin(batch[POSITION].to_numpy(), self.positions)
                table = pa.Table.from_batches([batch]).filter(pa.array(is_repeated))
                if len(table):
                    numbers = table[NUMBER].to_pylist()
                    yield RepeatedRows(table.drop_columns([POSITION, NUMBER]), numbers)

    def _keep(self, part: CheckedPart, suspects: NDArray[np.int64]) -> None:
        rows = part.checked.positions[suspects]
        table, numbers = part.part.take(rows)
        table = table.append_column(POSITION, pa.array(suspects + self._kept))
        table = table.append_column(NUMBER, pa.array(numbers, pa.int64()))
        if self._writer is None:
            self._writer = pa.ipc.new_stream(str(self._suspects), table.schema)
        self._writer.write_table(table)

    def __enter__(self) -> "Repeats":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        self._ids.close()
