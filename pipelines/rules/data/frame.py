"""Rows as columns: what runs train and judge on."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract


@dataclass(frozen=True)
class Frame:
    """Rows in order of event time: all columns of the contract, label −1 while unlabelled, and what was logged if it was.

    features (n, columns) · labels (n,) · event_times (n,) UTC · scores, thresholds, versions (n,): NaN and 0 where not logged
    """

    event_times: NDArray[np.datetime64]
    transaction_ids: pa.StringArray
    features: NDArray[np.float64]
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    versions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Frame":
        """The rows where a mask is true, or at some positions in their order, or of a slice."""
        if not isinstance(rows, slice) and rows.dtype == bool and rows.all():
            return self
        return Frame(*(_taken(getattr(self, name), rows) for name in self.__dataclass_fields__))

    def without(self, names: pa.StringArray | pa.ChunkedArray) -> "Frame":
        """The rows whose transactions are not among these."""
        if not len(self) or not len(names):
            return self
        return self.take(~np.asarray(pc.is_in(self.transaction_ids, value_set=names)))

    def none(self) -> "Frame":
        """No rows, of the same columns."""
        return self.take(slice(0, 0))

    def samples(
        self, rows: tuple[int, ...], columns: tuple[str, ...], contract: Contract
    ) -> list[dict[str, Any]]:
        """Some rows as a report shows them: transaction, time, label, and the values of these columns."""
        shown = self.take(np.array(rows, np.int64)).table(contract)
        names = [name for name in columns if name in contract.columns]
        told = shown.select(["transaction_id", "event_time", "label", *names]).to_pylist()
        return [{name: _plain(value) for name, value in row.items()} for row in told]

    def split(self, moment: np.datetime64) -> tuple["Frame", "Frame"]:
        """The rows before a moment, and those from it on."""
        at = int(np.searchsorted(self.event_times, moment))
        return self.take(slice(0, at)), self.take(slice(at, None))

    def table(self, contract: Contract) -> pa.Table:
        """As a table with a column per feature, for the artifact store."""
        return pa.table(
            {
                "event_time": self.event_times,
                "transaction_id": self.transaction_ids,
                "label": self.labels,
                "score": self.scores,
                "threshold": self.thresholds,
                "model_version": self.versions,
                **{name: self.features[:, at] for at, name in enumerate(contract.columns)},
            }
        )

    @classmethod
    def of(cls, table: pa.Table, contract: Contract) -> "Frame":
        """Read back what `table` wrote."""
        return cls(
            event_times=table["event_time"].to_numpy(),
            transaction_ids=table["transaction_id"].combine_chunks(),
            features=numbers(table, contract.columns),
            labels=table["label"].to_numpy(),
            scores=table["score"].to_numpy(),
            thresholds=table["threshold"].to_numpy(),
            versions=table["model_version"].to_numpy(),
        )


def numbers(table: pa.Table, names: tuple[str, ...], width: int = 0) -> NDArray[np.float64]:
    """Column by column, as they come and as most of what follows reads them; `width` leaves room for more."""
    matrix = np.empty((len(table), width or len(names)), order="F")
    for at, name in enumerate(names):
        matrix[:, at] = table[name].to_numpy(zero_copy_only=False)
    return matrix


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def concatenate(frames: list[Frame]) -> Frame:
    """Rows of several frames in order of event time."""
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    if len(filled) == 1:
        return filled[0]
    joined = Frame(
        *(
            _joined([getattr(frame, name) for frame in filled])
            for name in Frame.__dataclass_fields__
        )
    )
    if (joined.event_times[1:] >= joined.event_times[:-1]).all():
        return joined
    return joined.take(np.argsort(joined.event_times, kind="stable").astype(np.int64))


def _taken(column: Any, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Any:
    """Some rows of a column; names stay in Arrow, as a million of them are slow to make in Python."""
    if not isinstance(column, pa.Array) or isinstance(rows, slice):
        return column[rows]
    return column.filter(pa.array(rows)) if rows.dtype == bool else column.take(pa.array(rows))


def _joined(columns: list[Any]) -> Any:
    return (
        pa.concat_arrays(columns) if isinstance(columns[0], pa.Array) else np.concatenate(columns)
    )
