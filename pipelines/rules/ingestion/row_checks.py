"""Checks of single rows against the contract: raw columns in, numbers and reasons out."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.ingestion.column_reading import (
    TIMESTAMP,
    RowReasons,
    read_feature,
    read_ids,
    read_labels,
    read_times,
)
from pipelines.rules.use_case.contract import NO_TIME, Contract, Feature
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.rules.use_case.label_values import UNLABELLED, LabelValues

# Keys of a snapshot's metadata.
QUARANTINED = "sixgate.quarantined"  # how many rows of its file were refused
RAW = b"sixgate.raw_features"  # what its numbers mean
CONTRACT = b"sixgate.contract"  # the whole contract that its rows kept, without texts


@dataclass(frozen=True)
class CheckedRows:
    """The rows that keep the contract, as a snapshot holds them, and why the others do not.

    `positions` are the input rows of `good`, and `refusals` has the reasons of the others. `labels`
    (n,) are 1, 0, or −1 where the label is not known. Rows that keep the contract and have no label
    yet are not in `good`.
    """

    good: pa.Table
    positions: NDArray[np.int64]
    refusals: RowReasons
    labels: NDArray[np.int8]

    @property
    def unlabelled(self) -> int:
        """How many rows keep the contract and have no label yet."""
        return int((self.refusals.good & (self.labels == UNLABELLED)).sum())

    @property
    def reasons(self) -> NDArray[np.object_]:
        """The reason of each input row (n,), '' for a row that keeps the contract."""
        return self.refusals.texts

    @property
    def treated(self) -> Counter[str]:
        """The number of values that were taken as another one, by column and treatment."""
        return self.refusals.treated


def snapshot_schema(contract: Contract) -> pa.Schema:
    """Return the columns of a snapshot or a baseline: features as numbers, missing as null."""
    columns = [
        ("transaction_id", pa.string()),
        ("entity_key", pa.string()),
        ("event_time", TIMESTAMP),
        ("label", pa.int8()),
    ]
    columns += [(name, pa.float64()) for name in contract.raw]
    return pa.schema(columns, metadata={RAW: _raw(contract), CONTRACT: _essential(contract)})


def written_under(schema: pa.Schema, contract: Contract) -> Contract:
    """Return the contract under which a snapshot or a baseline was written.

    Files of earlier releases hold only the names, types and categories of the features, or nothing
    of the contract: then the features are those of `contract` that have a column. Features without
    a column are left out.
    """
    metadata = schema.metadata or {}
    if CONTRACT in metadata:
        written = msgspec.json.decode(metadata[CONTRACT], type=Contract)
    elif metadata.get(RAW) in (None, _raw(contract)):
        written = contract
    else:
        fields = [
            Feature(name=name, type=kind, values=tuple(values), nullable=True)
            for name, kind, values in json.loads(metadata[RAW])
        ]
        written = msgspec.structs.replace(contract, features=tuple(fields), derived=())
    kept = tuple(feature for feature in written.features if feature.name in schema.names)
    if len(kept) == len(written.features):
        return written
    return msgspec.structs.replace(written, features=kept, derived=())


def _essential(contract: Contract) -> bytes:
    """Return the contract without its texts and the format of files, which change no row."""
    features = tuple(msgspec.structs.replace(each, description="") for each in contract.features)
    derived = tuple(msgspec.structs.replace(each, description="") for each in contract.derived)
    label = msgspec.structs.replace(contract.label, description="")
    essential = msgspec.structs.replace(
        contract,
        title="",
        description="",
        sources={},
        csv=CsvFormat(),
        features=features,
        derived=derived,
        label=label,
    )
    return msgspec.json.encode(essential)


def _raw(contract: Contract) -> bytes:
    features = []
    for feature in contract.features:
        features.append([feature.name, feature.type, list(feature.values)])
    return json.dumps(features).encode()


def required(contract: Contract) -> list[str]:
    """Return the columns that a file must have to be ingested."""
    times = [contract.event_time] if contract.has_times else []
    return [*times, contract.label.name, *contract.raw]


def check_rows(
    table: pa.Table, contract: Contract, *, now: datetime, first_row: int = 0
) -> CheckedRows:
    """Check a table with the contract's column names; values may be strings, as in a CSV.

    Event times must not be later than a day after `now`. Without a column of ids, a row is named
    after its place in the file, so that the same file gives the same snapshot. Without a column of
    times in the contract, the event time of all rows is 1970-01-01.
    """
    n = len(table)
    reasons = RowReasons(n)
    label = contract.label.name
    columns = {
        "transaction_id": _transaction_ids(table, contract.transaction_id, first_row, reasons),
        "entity_key": _entity_keys(table, contract.entity_key, reasons),
        "event_time": _times(table, contract.event_time, reasons, now),
    }
    labels = read_labels(table[label], label, LabelValues(contract.label), reasons)
    columns["label"] = pa.array(labels)
    for feature in contract.features:
        columns[feature.name] = read_feature(table[feature.name], feature, reasons)
    checked = pa.table(columns, schema=snapshot_schema(contract))
    kept = reasons.good & (labels != UNLABELLED)
    return CheckedRows(
        good=checked if kept.all() else checked.filter(pa.array(kept)),
        positions=np.flatnonzero(kept),
        refusals=reasons,
        labels=labels,
    )


def _transaction_ids(
    table: pa.Table, name: str, first_row: int, reasons: RowReasons
) -> pa.StringArray | pa.ChunkedArray:
    if name in table.column_names:
        return read_ids(table[name], name, reasons, required=True)
    return row_names(first_row, len(table))


def row_names(first_row: int, n: int) -> pa.StringArray:
    """Return the ids (n,) of rows without one: `row-0` is the first row of a file."""
    digits = pc.cast(pa.array(np.arange(first_row, first_row + n)), pa.string())
    return pc.binary_join_element_wise("row", digits, "-")


def _times(
    table: pa.Table, name: str, reasons: RowReasons, now: datetime
) -> pa.Array | pa.ChunkedArray:
    if name:
        return read_times(table[name], name, reasons, now=now)
    return pa.repeat(pa.scalar(NO_TIME, TIMESTAMP), len(table))


def _entity_keys(
    table: pa.Table, name: str, reasons: RowReasons
) -> pa.StringArray | pa.ChunkedArray:
    if name in table.column_names:
        return read_ids(table[name], name, reasons, required=False)
    return pa.nulls(len(table), pa.string())
