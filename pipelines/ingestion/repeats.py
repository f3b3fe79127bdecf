"""Rows whose transaction id an earlier row of the source has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.ingestion.checking import CheckedPart
from pipelines.ingestion.repeated_ids import RepeatedIds
from pipelines.rules.ingestion.refusals import REPEATED
from pipelines.rules.use_case.contract import Contract

POSITION = "sixgate.position"
NUMBER = "sixgate.number"


@dataclass(frozen=True)
class Resolved:
    """Some of the rows that were held back.

    `new` are those that are not repeated, as a snapshot holds them. `repeated` are the others as
    they are in the source, and `numbers` their numbers there.
    """

    new: pa.Table
    repeated: pa.Table
    numbers: list[int]

    def reasons(self, contract: Contract) -> list[str]:
        """Return the reasons of the repeated rows as the quarantine has them."""
        return [f"{contract.transaction_id}: {REPEATED}"] * len(self.repeated)


class Repeats:
    """Holds back rows whose id may be repeated, on disk; use it in a `with` block.

    Whether they are repeated is known at the end only. Few rows are held back for nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._ids = RepeatedIds(folder)
        self._original = self._ids.folder / "original"
        self._good = self._ids.folder / "good"
        self._writers: list[pa.RecordBatchStreamWriter] = []
        self._rows = 0

    def without_suspects(self, part: CheckedPart, good: pa.Table) -> pa.Table:
        """Return the good rows of a part whose ids are new; hold back the others."""
        if not part.has_ids or not len(good):
            return good
        first = self._rows
        self._rows += len(good)
        is_suspect = self._ids.add(good["transaction_id"].combine_chunks())
        if not is_suspect.any():
            return good
        suspects = np.flatnonzero(is_suspect)
        original, numbers = part.part.take(part.checked.positions[suspects])
        original = original.append_column(POSITION, pa.array(suspects + first))
        original = original.append_column(NUMBER, pa.array(numbers, pa.int64()))
        self._hold(original.combine_chunks(), good.take(pa.array(suspects)).combine_chunks())
        return good.filter(pa.array(~is_suspect))

    def resolved(self) -> Iterator[Resolved]:
        """Yield the rows that were held back, in order and in bounded memory."""
        if not self._writers:
            return
        self._close()
        repeated = self._ids.repeated()
        with pa.OSFile(str(self._original)) as original, pa.OSFile(str(self._good)) as good:
            batches = zip(pa.ipc.open_stream(original), pa.ipc.open_stream(good), strict=True)
            for rows, good_rows in batches:
                is_repeated = np.isin(rows[POSITION].to_numpy(), repeated)
                again = pa.Table.from_batches([rows]).filter(pa.array(is_repeated))
                yield Resolved(
                    new=pa.Table.from_batches([good_rows]).filter(pa.array(~is_repeated)),
                    repeated=again.drop_columns([POSITION, NUMBER]),
                    numbers=again[NUMBER].to_pylist(),
                )

    def _hold(self, original: pa.Table, good: pa.Table) -> None:
        if not self._writers:
            self._writers = [
                pa.ipc.new_stream(str(self._original), original.schema),
                pa.ipc.new_stream(str(self._good), good.schema),
            ]
        for writer, table in zip(self._writers, (original, good), strict=True):
            writer.write_table(table)

    def _close(self) -> None:
        for writer in self._writers:
            writer.close()

    def __enter__(self) -> "Repeats":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._ids.close()
