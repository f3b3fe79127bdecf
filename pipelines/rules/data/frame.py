"""Rows as columns: the data on which runs train and evaluate."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import NO_TIME, Contract

Rows = NDArray[np.bool_] | NDArray[np.int64] | slice
ENTITY_KEY = "entity_key"


@dataclass(frozen=True)
class Frame:
    """Rows in order of event time, with all columns of the contract and, where logged, the scores.

    features (n, columns) · labels (n,), −1 where unlabelled · event_times (n,) UTC
    scores, thresholds (n,): NaN where not logged · versions (n,): 0 where not logged
    entity_keys (n,): null where unknown, as in all rows without this argument
    """

    event_times: NDArray[np.datetime64]
    transaction_ids: pa.StringArray
    features: NDArray[np.float64]
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    versions: NDArray[np.int64]
    entity_keys: pa.StringArray = None

    def __post_init__(self) -> None:
        if self.entity_keys is None:
            object.__setattr__(self, "entity_keys", pa.nulls(len(self), pa.string()))

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows) -> "Frame":
        """Select rows by a mask, by positions in the order given, or by a slice."""
        if not isinstance(rows, slice) and rows.dtype == bool and rows.all():
            return self
        columns = []
        for name in self.__dataclass_fields__:
            column = getattr(self, name)
            columns.append(_taken(column, rows))
        return Frame(*columns)

    def without(self, names: pa.StringArray | pa.ChunkedArray) -> "Frame":
        """Select the rows whose transaction ids are not in `names`."""
        if not len(self) or not len(names):
            return self
        among = pc.is_in(self.transaction_ids, value_set=names)
        return self.take(~np.asarray(among))

    @property
    def period(self) -> str:
        """The first and the last event time as text; rows that have no times say so."""
        first = self.event_times.min()
        last = self.event_times.max()
        if last == np.datetime64(NO_TIME, "us"):
            return "without event times"
        return f"{first} to {last} UTC"

    @property
    def days(self) -> NDArray[np.int64]:
        """The day (n,) of each event time in UTC, as a number."""
        return self.event_times.astype("datetime64[D]").astype(np.int64)

    @property
    def entities(self) -> NDArray[np.int64] | None:
        """A number (n,) for each entity, −1 where it is unknown; None when no entity is known."""
        if self.entity_keys.null_count == len(self):
            return None
        codes = pc.dictionary_encode(self.entity_keys).indices.fill_null(-1)
        return np.asarray(codes.to_numpy(zero_copy_only=False), np.int64)

    def none(self) -> "Frame":
        """Return an empty frame with the same columns."""
        return self.take(slice(0, 0))

    def samples(
        self, rows: tuple[int, ...], columns: tuple[str, ...], contract: Contract
    ) -> list[dict[str, Any]]:
        """Return some rows for a report: transaction id, event time, label and these columns."""
        names = [name for name in columns if name in contract.columns]
        positions = np.array(rows, np.int64)
        frame = self.take(positions)
        table = frame.table(contract)
        selected = table.select(["transaction_id", "event_time", "label", *names])
        samples = []
        for row in selected.to_pylist():
            sample = {name: _finite(value) for name, value in row.items()}
            samples.append(sample)
        return samples

    def split(self, moment: np.datetime64) -> tuple["Frame", "Frame"]:
        """Return the rows before a moment, and the rows at or after it."""
        cut = int(np.searchsorted(self.event_times, moment))
        before = self.take(slice(0, cut))
        after = self.take(slice(cut, None))
        return before, after

    def table(self, contract: Contract) -> pa.Table:
        """Return a table with one column per feature, for the artifact store.

        It has a column of entity keys where one is known.
        """
        columns = {
            "event_time": self.event_times,
            "transaction_id": self.transaction_ids,
            "label": self.labels,
            "score": self.scores,
            "threshold": self.thresholds,
            "model_version": self.versions,
        }
        if self.entity_keys.null_count < len(self):
            columns[ENTITY_KEY] = self.entity_keys
        for index, name in enumerate(contract.columns):
            columns[name] = self.features[:, index]
        return pa.table(columns)

    @classmethod
    def of(cls, table: pa.Table, contract: Contract) -> "Frame":
        """Read a table that `table` wrote; those of earlier releases have no entity keys."""
        has_keys = ENTITY_KEY in table.column_names
        return cls(
            event_times=table["event_time"].to_numpy(),
            transaction_ids=table["transaction_id"].combine_chunks(),
            features=numbers(table, contract.columns),
            labels=table["label"].to_numpy(),
            scores=table["score"].to_numpy(),
            thresholds=table["threshold"].to_numpy(),
            versions=table["model_version"].to_numpy(),
            entity_keys=table[ENTITY_KEY].combine_chunks() if has_keys else None,
        )


def numbers(table: pa.Table, names: tuple[str, ...], width: int = 0) -> NDArray[np.float64]:
    """Copy columns into a matrix (n, width or names), stored by column, as later steps read it.

    Columns beyond the names are left unset for the caller to fill.
    """
    shape = (len(table), width or len(names))
    matrix = np.empty(shape, order="F")
    for index, name in enumerate(names):
        matrix[:, index] = table[name].to_numpy(zero_copy_only=False)
    return matrix


def _finite(value: Any) -> Any:
    """Return None for NaN and infinity, which JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def concatenate(frames: list[Frame]) -> Frame:
    """Join the rows of several frames in order of event time."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return frames[0]
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
    order = np.argsort(times, kind="stable")
    return joined.take(order.astype(np.int64))


def _taken(column: Any, rows: Rows) -> Any:
    """Select rows of a column; names stay in Arrow, because Python strings are slow to create."""
    if not isinstance(column, pa.Array) or isinstance(rows, slice):
        return column[rows]
    selection = pa.array(rows)
    if rows.dtype == bool:
        return column.filter(selection)
    return column.take(selection)


def _joined(columns: list[Any]) -> Any:
    if isinstance(columns[0], pa.Array):
        return pa.concat_arrays(columns)
    return np.concatenate(columns)
