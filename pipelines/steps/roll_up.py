"""Count the predictions that are new since the last check into the baseline's bins."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.rules.binning import Profile, bins
from pipelines.stores import bulk
from pipelines.stores.baseline import read_manifest
from pipelines.wiring import Context

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Add the new rows' counts and move the watermark, both or neither."""
    contract = context.use_case.contract
    manifest = read_manifest(context.use_case.folder, contract)
    step = context.use_case.policy.drift.step.total_seconds()
    with context.connection.transaction():
        begin, end = context.rollups.span(context.name)
        table = bulk.read(context.settings, "rollup", context.name, begin, end, contract.hash)
        counts = count(table, contract.columns, manifest.profiles, step_seconds=step)
        context.rollups.add(context.name, manifest.name, counts, watermark=end)
    log.info("%s new predictions are rolled up", f"{len(table):,}")
    return {"rows": len(table)}


def count(
    table: pa.Table, columns: tuple[str, ...], profiles: dict[str, Profile], *, step_seconds: float
) -> Mapping[str, Sequence[Any]]:
    """Counts by time bucket, model version, feature and bin, as the columns that the store takes."""
    features = bulk.matrix(table["features"], len(columns))
    micros = table["scored_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    bucket = micros // int(step_seconds * 1e6)
    versions = table["model_version"].to_numpy()
    cells: dict[str, list[Any]] = {"versions": [], "features": [], "buckets": [], "bins": [], "counts": []}
    for at, name in enumerate(columns):
        found, n = _distinct(bucket, versions, bins(features[:, at], profiles[name].edges))
        cells["features"] += [name] * len(n)
        cells["buckets"] += list((found[:, 0] * int(step_seconds * 1e6)).astype("datetime64[us]").astype(object))
        cells["versions"] += found[:, 1].tolist()
        cells["bins"] += found[:, 2].tolist()
        cells["counts"] += n.tolist()
    return cells


def _distinct(
    bucket: NDArray[np.int64], version: NDArray[np.int64], bin_: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct (bucket, version, bin) triples (k, 3) with their counts (k,)."""
    if not len(bucket):
        return np.empty((0, 3), np.int64), np.empty(0, np.int64)
    triples = np.column_stack([bucket, version, bin_])
    return np.unique(triples, axis=0, return_counts=True)
