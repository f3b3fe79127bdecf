"""The rows a run trains and judges on, gathered from the log, a snapshot or the reference."""

import itertools
import logging
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import EvidenceError
from pipelines.rules.data.dataset_checks import Common
from pipelines.rules.data.frame import Frame, concatenate, numbers
from pipelines.rules.data.row_checks import TIMESTAMP, outdated
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import Settings
from pipelines.stores import arrow_reads
from pipelines.stores.artifacts import Artifacts

log = logging.getLogger(__name__)
PARTS = 12  # in which the log is read, so that one of them and the result are in memory, not everything twice


def logged(
    settings: Settings,
    contract: Contract,
    *,
    since: datetime,
    matured_before: datetime,
    as_of: datetime,
) -> Frame:
    """Predictions of the window with the labels known at `as_of`; unlabelled ones too."""
    edges = [since + part * (matured_before - since) / PARTS for part in range(PARTS)] + [
        matured_before
    ]
    runs = [
        (contract.use_case, begin, end, contract.hash, as_of)
        for begin, end in itertools.pairwise(edges)
    ]
    return concatenate(
        [
            _logged(part, contract)
            for part in arrow_reads.each(settings, "labelled_predictions", runs)
        ]
    )


def _logged(table: pa.Table, contract: Contract) -> Frame:
    """Rows as they came, copied: whatever refers to one column of them would keep all in memory."""
    everything = pa.array(np.arange(len(table)))
    return Frame(
        event_times=_times(table["event_time"]),
        transaction_ids=table["transaction_id"].take(everything).combine_chunks(),
        features=np.asfortranarray(arrow_reads.matrix(table["features"], len(contract.columns))),
        labels=np.array(pc.fill_null(table["label"].cast(pa.int8()), -1)),
        scores=np.array(table["score"]),
        thresholds=np.array(table["threshold"]),
        versions=np.array(table["model_version"].cast(pa.int64())),
    )


def historical(table: pa.Table, contract: Contract) -> Frame:
    """Rows of a snapshot or a baseline: labelled, never predicted; EvidenceError when they are of a former contract."""
    if why := outdated(table.schema, contract):
        raise EvidenceError(
            f"the snapshot was ingested under a former contract of {contract.use_case}: {why}: ingest it again"
        )
    times, n = _times(table["event_time"]), len(table)
    if (times[1:] < times[:-1]).any():
        return historical(table.sort_by("event_time"), contract)
    return Frame(
        event_times=times,
        transaction_ids=table["transaction_id"].combine_chunks(),
        features=Deriver(contract).fill(numbers(table, contract.raw, len(contract.columns))),
        labels=table["label"].to_numpy(),
        scores=np.full(n, np.nan),
        thresholds=np.full(n, np.nan),
        versions=np.zeros(n, np.int64),
    )


def logged_of(
    settings: Settings, contract: Contract, rows: Frame, as_of: datetime, window: timedelta
) -> Common:
    """Which of the newest `window` of a snapshot's rows were logged too."""
    first, last = (
        moment.astype(datetime).replace(tzinfo=UTC) for moment in rows.event_times[[0, -1]]
    )
    end = last + timedelta(microseconds=1)
    there = logged(
        settings, contract, since=max(first, end - window), matured_before=end, as_of=as_of
    )
    at, where = _shared(rows.transaction_ids, there.transaction_ids)
    raw = len(contract.raw)
    return Common(at, there.features[where, :raw], rows.features[at, :raw])


def ingested_of(artifacts: Artifacts, contract: Contract, rows: Frame) -> Common:
    """Which of the logged rows were ingested too; of several snapshots that hold one, the newest counts."""
    if not len(rows):
        return nothing_common(contract)
    first, last = (
        pa.scalar(moment, pa.timestamp("us")).cast(TIMESTAMP)
        for moment in rows.event_times[[0, -1]]
    )
    time, name = pc.field("event_time"), pc.field("transaction_id")
    wanted = (time >= first) & (time <= last) & name.isin(rows.transaction_ids)
    found, ingested = np.zeros(len(rows), bool), np.full((len(rows), len(contract.raw)), np.nan)
    for id_ in reversed(artifacts.ids("snapshots")):
        path = artifacts.path("snapshots", id_)
        try:
            if why := outdated(pq.read_schema(path), contract):
                log.info("snapshot %s is not compared with the log: %s", id_, why)
                continue
            there = pq.read_table(path, columns=["transaction_id", *contract.raw], filters=wanted)
        except (pa.ArrowException, OSError) as error:
            log.warning(
                "snapshot %s can't be read, and is not compared with the log: %s", id_, error
            )
            continue
        at, where = _shared(rows.transaction_ids, there["transaction_id"].combine_chunks())
        new = ~found[at]
        ingested[at[new]], found[at[new]] = features_of(there, contract)[where[new]], True
    return Common(np.flatnonzero(found), rows.features[found, : len(contract.raw)], ingested[found])


def nothing_common(contract: Contract) -> Common:
    """No transaction was both logged and ingested."""
    return Common(
        np.empty(0, np.int64), np.empty((0, len(contract.raw))), np.empty((0, len(contract.raw)))
    )


def _shared(
    ids: pa.StringArray, others: pa.StringArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the names that both have, in either."""
    found = pc.index_in(ids, value_set=others)
    at = np.flatnonzero(pc.is_valid(found).to_numpy(zero_copy_only=False))
    return at, found.drop_null().to_numpy().astype(np.int64)


def features_of(table: pa.Table, contract: Contract) -> NDArray[np.float64]:
    """The raw features of a snapshot (n, raw), missing as NaN."""
    return numbers(table, contract.raw)


def _times(column: pa.ChunkedArray) -> NDArray[np.datetime64]:
    return np.asarray(column.cast(pa.timestamp("us", tz="UTC")).to_numpy(), dtype="datetime64[us]")
