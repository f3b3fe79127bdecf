"""Rows as columns: the data on which runs train and evaluate."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract

Rows = NDArray[np.bool_] | NDArray[np.int64] | slice


@dataclass(frozen=True)
class Frame:
    """Rows in order of event time, with all columns of the contract and, where logged, the scores.

    features (n, columns) · labels (n,), −1 where unlabelled · event_times (n,) UTC
    scores, thresholds (n,): NaN where not logged · versions (n,): 0 where not logged
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

    def take(self, rows: Rows) -> "Frame":
        """Select rows by a mask, by positions in the order given, or by a slice."""
        if not isinstance(rows, slice) and rows.dtype == bool and rows.all():
            return self
        return Frame(*(_taken(getattr(self, name), rows) for name in self.__dataclass_fields__))

    def without(self, names: pa.StringArray | pa.ChunkedArray) -> "Frame":
        """Select the rows whose transaction ids are not in `names`."""
        if not len(self) or not len(names):
            return self
        return self.take(~np.asarray(pc.is_in(self.transaction_ids, value_set=names)))

    def none(self) -> "Frame":
        """Return an empty frame with the same columns."""
        return self.take(slice(0, 0))

    def samples(
        self, rows: tuple[int, ...], columns: tuple[str, ...], contract: Contract
    ) -> list[dict[str, Any]]:
        """Return some rows for a report: transaction id, event time, label and these columns."""
        names = [name for name in columns if name in contract.columns]
        table = self.take(np.array(rows, np.int64)).table(contract)
        selected = table.select(["transaction_id", "event_time", "label", *names])
        return [
            {name: _finite(value) for name, value in row.items()} for row in selected.to_pylist()
        ]

    def split(self, moment: np.datetime64) -> tuple["Frame", "Frame"]:
        """Return the rows before a moment, and the rows at or after it."""
        cut = int(np.searchsorted(self.event_times, moment))
        return self.take(slice(0, cut)), self.take(slice(cut, None))

    def table(self, contract: Contract) -> pa.Table:
        """Return a table with one column per feature, for the artifact store."""
        features = {name: self.features[:, index] for index, name in enumerate(contract.columns)}
        return pa.table(
            {
                "event_time": self.event_times,
                "transaction_id": self.transaction_ids,
                "label": self.labels,
                "score": self.scores,
                "threshold": self.thresholds,
                "model_version": self.versions,
                **features,
            }
        )

    @classmethod
    def of(cls, table: pa.Table, contract: Contract) -> "Frame":
        """Read a table that `table` wrote."""
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
    """Copy columns into a matrix (n, width or names), stored by column, as later steps read it.

    Columns beyond the names are left unset for the caller to fill.
    """
    matrix = np.empty((len(table), width or len(names)), order="F")
    for index, name in enumerate(names):
        matrix[:, index] = table[name].to_numpy(zero_copy_only=False)
    return matrix


def _finite(value: Any) -> Any:
    """Return None for NaN and infinity, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def concatenate(frames: list[Frame]) -> Frame:
    """Join the rows of several frames in order of event time."""
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    if len(filled) == 1:
        return filled[0]
    columns = []
    for name in Frame.__dataclass_fields__:
        parts = [getattr(frame, name) for frame in filled]
        columns.append(_joined(parts))
    joined = Frame(*columns)
    times = joined.event_times
    if (times[1:] >= times[:-1]).all():
        return joined
    return joined.take(np.argsort(times, kind="stable").astype(np.int64))


def _taken(column: Any, rows: Rows) -> Any:
    """Select rows of a column; names stay in Arrow, because Python strings are slow to create."""
    if not isinstance(column, pa.Array) or isinstance(rows, slice):
        return column[rows]
    selection = pa.array(rows)
    return column.filter(selection) if rows.dtype == bool else column.take(selection)


def _joined(columns: list[Any]) -> Any:
    if isinstance(columns[0], pa.Array):
        return pa.concat_arrays(columns)
    return np.concatenate(columns)
