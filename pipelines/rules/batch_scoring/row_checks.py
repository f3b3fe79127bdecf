"""Checks of rows that are to be scored: what is accepted online is accepted here."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rules.ingestion.column_reading import (
    TIMESTAMP,
    RowReasons,
    read_feature,
    read_ids,
    read_times,
)
from pipelines.rules.ingestion.row_checks import CheckedRows
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.label_values import UNLABELLED
from pipelines.rules.use_case.spellings import BLANK

ENTITY = "entity_key"
EVENT_TIME = "event_time"
TRANSACTION = "transaction_id"


def needed_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns that a file must have to be scored."""
    return contract.raw


def check_unlabelled_rows(table: pa.Table, contract: Contract, *, now: datetime) -> CheckedRows:
    """Check a table with the contract's column names; values may be strings, as in a CSV.

    Transaction id, entity and event time may be missing, as in a request. A label is not read.
    `good` has these three, null where missing, and the raw features.
    """
    n = len(table)
    reasons = RowReasons(n)
    columns = {
        TRANSACTION: _ids(table, contract.transaction_id, reasons),
        ENTITY: _ids(table, contract.entity_key, reasons),
        EVENT_TIME: _times(table, contract.event_time, reasons, now=now),
    }
    for feature in contract.features:
        columns[feature.name] = read_feature(table[feature.name], feature, reasons)
    checked = pa.table(columns, schema=_schema(contract))
    good = reasons.good
    return CheckedRows(
        good=checked if good.all() else checked.filter(pa.array(good)),
        positions=np.flatnonzero(good),
        refusals=reasons,
        labels=np.full(n, UNLABELLED, np.int8),
    )


def _schema(contract: Contract) -> pa.Schema:
    columns = [(TRANSACTION, pa.string()), (ENTITY, pa.string()), (EVENT_TIME, TIMESTAMP)]
    return pa.schema([*columns, *((name, pa.float64()) for name in contract.raw)])


def _ids(table: pa.Table, name: str, reasons: RowReasons) -> pa.Array | pa.ChunkedArray:
    if name in table.column_names:
        return read_ids(table[name], name, reasons, required=False)
    return pa.nulls(len(table), pa.string())


def _times(
    table: pa.Table, name: str, reasons: RowReasons, *, now: datetime
) -> pa.Array | pa.ChunkedArray:
    if name not in table.column_names:
        return pa.nulls(len(table), TIMESTAMP)
    column = table[name]
    missing = column.is_null()
    if pa.types.is_string(column.type):
        blank = pc.equal(pc.utf8_trim(column, BLANK), "")
        missing = pc.fill_null(blank, True)
    present = ~missing.to_numpy(zero_copy_only=False)
    of_times = RowReasons(len(table))
    times = read_times(column, name, of_times, now=now)
    for code, (_, reason) in enumerate(of_times.pairs, start=1):
        reasons.mark(name, (of_times.codes == code) & present, reason)
    return times
