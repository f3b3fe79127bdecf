"""The rows that a run trains and evaluates on, from the log, a snapshot or a baseline."""

import itertools
import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.rules.data.dataset_checks import Common
from pipelines.rules.data.frame import ENTITY_KEY, Frame, concatenate, numbers
from pipelines.rules.data.repeated import first_predictions
from pipelines.rules.ingestion.column_reading import TIMESTAMP
from pipelines.rules.ingestion.row_checks import snapshot_schema, written_under
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.rules.use_case.converted_contract import accepting
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import Settings
from pipelines.stores import arrow_reads
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.row_conversion import RowConverter

log = logging.getLogger(__name__)
# The log is read in this many parts, so that memory holds one part and the result, not twice all.
PARTS = 12


def logged(
    settings: Settings,
    converter: RowConverter,
    *,
    since: datetime,
    matured_before: datetime,
    as_of: datetime,
) -> Frame:
    """Read the predictions of a window, labelled or not, with the labels received by `as_of`.

    A transaction is one row, whatever the number of its predictions: the first that was made
    counts, because that one was acted on. Rows of every contract are converted. Scores stay as they
    were logged.
    """
    use_case = converter.target.use_case
    length = matured_before - since
    edges = [since + part * length / PARTS for part in range(PARTS)]
    edges.append(matured_before)
    runs = [(use_case, begin, end, as_of) for begin, end in itertools.pairwise(edges)]
    frames = []
    scored_at = []
    for table in arrow_reads.fetch_tables(settings, "labelled_predictions", runs):
        readable, features = converter.arrow(
            table["contract_hash"].combine_chunks(), table["features"].combine_chunks()
        )
        others = table.drop_columns(["contract_hash", "features"])
        if not readable.all():
            others = others.filter(pa.array(readable))
        frames.append(_logged_frame(others, features))
        scored_at.append(_times(others["scored_at"]))
    converter.warn_of_unreadable()
    rows = concatenate(frames)
    is_first = first_predictions(rows.transaction_ids, np.concatenate(scored_at))
    repeated = len(rows) - int(is_first.sum())
    if not repeated:
        return rows
    log.info(
        "%s predictions are left out: their transactions were predicted before", f"{repeated:,}"
    )
    return rows.take(is_first)


def _logged_frame(table: pa.Table, features: NDArray[np.float64]) -> Frame:
    """Copy logged rows to a Frame; a view of one column would keep the whole table in memory."""
    all_rows = pa.array(np.arange(len(table)))
    return Frame(
        event_times=_times(table["event_time"]),
        transaction_ids=table["transaction_id"].take(all_rows).combine_chunks(),
        features=np.asfortranarray(features),
        labels=np.array(pc.fill_null(table["label"].cast(pa.int8()), -1)),
        scores=np.array(table["score"]),
        thresholds=np.array(table["threshold"]),
        versions=np.array(table["model_version"].cast(pa.int64())),
        entity_keys=table[ENTITY_KEY].take(all_rows).combine_chunks(),
    )


def historical(table: pa.Table, contract: Contract) -> Frame:
    """Convert a snapshot or a baseline to a Frame of labelled rows without predictions.

    Rows that were written under another contract are converted to this one.
    """
    times = _times(table["event_time"])
    if (times[1:] < times[:-1]).any():
        return historical(table.sort_by("event_time"), contract)
    return Frame(
        event_times=times,
        transaction_ids=table["transaction_id"].combine_chunks(),
        features=columns_of(table, contract),
        labels=table["label"].to_numpy(),
        scores=np.full(len(table), np.nan),
        thresholds=np.full(len(table), np.nan),
        versions=np.zeros(len(table), np.int64),
        entity_keys=_entity_keys(table),
    )


def _entity_keys(table: pa.Table) -> pa.StringArray | None:
    """Return the entity keys (n,) of a snapshot or a baseline; None when it does not have them."""
    if ENTITY_KEY not in table.column_names:
        return None
    return table[ENTITY_KEY].cast(pa.string()).combine_chunks()


def also_logged(
    settings: Settings,
    converter: RowConverter,
    rows: Frame,
    *,
    as_of: datetime,
    window: timedelta,
    absent: Collection[str] = (),
) -> Common:
    """Find the rows of a snapshot, within its newest `window`, that were logged as well.

    `absent` names the columns that the snapshot does not have. Rows with a time after `as_of` do
    not move the window: none was logged yet.
    """
    rows, _ = rows.split(np.datetime64(as_of.astimezone(UTC).replace(tzinfo=None), "us"))
    if not len(rows):
        return no_common_rows(converter.target)
    first, last = (time.astype(datetime).replace(tzinfo=UTC) for time in rows.event_times[[0, -1]])
    end = last + timedelta(microseconds=1)
    since = max(first, end - window)
    log_rows = logged(settings, converter, since=since, matured_before=end, as_of=as_of)
    positions, log_positions = _shared(rows.transaction_ids, log_rows.transaction_ids)
    width = len(converter.target.raw)
    return _common(
        converter,
        absent,
        positions=positions,
        logged=log_rows.features[log_positions, :width],
        ingested=rows.features[positions, :width],
    )


def _common(
    converter: RowConverter,
    absent: Collection[str],
    *,
    positions: NDArray[np.int64],
    logged: NDArray[np.float64],
    ingested: NDArray[np.float64],
) -> Common:
    """Make a Common; a value is not compared with that of rows that do not have the column.

    `absent` names the columns that some ingested rows do not have.
    """
    both_logged = logged.copy()
    both_ingested = ingested.copy()
    for column, name in enumerate(converter.target.raw):
        if name in converter.absent:
            both_ingested[np.isnan(logged[:, column]), column] = np.nan
        if name in absent:
            both_logged[np.isnan(ingested[:, column]), column] = np.nan
    return Common(positions=positions, logged=both_logged, ingested=both_ingested)


def also_ingested(artifacts: Artifacts, converter: RowConverter, rows: Frame) -> Common:
    """Find the logged rows that were ingested as well; the newest snapshot of a row counts."""
    contract = converter.target
    if not len(rows):
        return no_common_rows(converter.target)
    width = len(contract.raw)
    is_ingested = np.zeros(len(rows), bool)
    ingested = np.full((len(rows), width), np.nan)
    wanted = _filter(rows)
    absent: set[str] = set()
    for id_ in reversed(artifacts.ids("snapshots")):
        table = _read_snapshot(artifacts, id_, contract, wanted)
        if table is None:
            continue
        absent |= absent_from(table.schema, contract)
        ids = table["transaction_id"].combine_chunks()
        positions, table_positions = _shared(rows.transaction_ids, ids)
        is_new = ~is_ingested[positions]
        new_positions = positions[is_new]
        ingested[new_positions] = features_of(table, contract)[table_positions[is_new]]
        is_ingested[new_positions] = True
    return _common(
        converter,
        absent,
        positions=np.flatnonzero(is_ingested),
        logged=rows.features[is_ingested, :width],
        ingested=ingested[is_ingested],
    )


def _filter(rows: Frame) -> pc.Expression:
    """Select the transactions of `rows` in a snapshot; the time range lets Parquet skip groups."""
    first, last = (
        pa.scalar(time, pa.timestamp("us")).cast(TIMESTAMP) for time in rows.event_times[[0, -1]]
    )
    event_time = pc.field("event_time")
    in_range = (event_time >= first) & (event_time <= last)
    is_logged = pc.field("transaction_id").isin(rows.transaction_ids)
    return in_range & is_logged


def _read_snapshot(
    artifacts: Artifacts, id_: str, contract: Contract, wanted: pc.Expression
) -> pa.Table | None:
    """Read the wanted rows of a snapshot; None, with a log line, when it can't be read."""
    path = artifacts.path("snapshots", id_)
    try:
        written = written_under(pq.read_schema(path), contract)
        return pq.read_table(path, columns=["transaction_id", *written.raw], filters=wanted)
    except (pa.ArrowException, OSError) as error:
        log.warning("snapshot %s can't be read, and is not compared with the log: %s", id_, error)
        return None


def no_common_rows(contract: Contract) -> Common:
    """Return the result for rows of which none was both logged and ingested."""
    empty = np.empty((0, len(contract.raw)))
    return Common(positions=np.empty(0, np.int64), logged=empty, ingested=empty)


def _shared(
    ids: pa.StringArray, others: pa.StringArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of the ids that both arrays hold, in either array."""
    other_positions = pc.index_in(ids, value_set=others)
    is_shared = pc.is_valid(other_positions).to_numpy(zero_copy_only=False)
    positions = np.flatnonzero(is_shared)
    return positions, other_positions.drop_null().to_numpy().astype(np.int64)


def accepted_by(schema: pa.Schema, contract: Contract) -> Contract:
    """Return the contract with the rules that the rows of a snapshot or a baseline were kept by."""
    written = written_under(schema, contract)
    return contract if written == contract else accepting(contract, [written])


def absent_from(schema: pa.Schema, contract: Contract) -> set[str]:
    """Return the contract's columns that a snapshot or a baseline does not have."""
    return set(Projection(written_under(schema, contract), contract).absent)


def converted_snapshot(table: pa.Table, contract: Contract) -> pa.Table:
    """Convert a snapshot to this contract; it stays as it is if it was written under it."""
    schema = snapshot_schema(contract)
    if table.schema.equals(schema, check_metadata=True):
        return table
    features = features_of(table, contract)
    columns: dict[str, Any] = {
        name: table[name] for name in schema.names if name not in contract.raw
    }
    for index, name in enumerate(contract.raw):
        columns[name] = pa.array(features[:, index], from_pandas=True)
    return pa.table(columns, schema=schema)


def columns_of(table: pa.Table, contract: Contract) -> NDArray[np.float64]:
    """Return the features of a snapshot (n, columns), missing values as NaN.

    Rows that were written under another contract are converted to this one.
    """
    written = written_under(table.schema, contract)
    projection = Projection(written, contract)
    if projection.is_identity:
        return Deriver(contract).fill(numbers(table, contract.raw, len(contract.columns)))
    return projection(numbers(table, written.raw))


def features_of(table: pa.Table, contract: Contract) -> NDArray[np.float64]:
    """Return the raw features of a snapshot (n, raw), missing values as NaN."""
    return columns_of(table, contract)[:, : len(contract.raw)]


def _times(column: pa.ChunkedArray) -> NDArray[np.datetime64]:
    utc = column.cast(pa.timestamp("us", tz="UTC"))
    return np.asarray(utc.to_numpy(), dtype="datetime64[us]")
