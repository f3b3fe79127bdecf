"""Count the predictions and labels that are new since the last check, as baseline bins and by score."""

import logging
from datetime import timedelta
from typing import Any

import pyarrow as pa

from pipelines.context import Context
from pipelines.rules.monitoring.binning import SCORE_EDGES
from pipelines.rules.monitoring.rollup import PredictionBatch, Rollup
from pipelines.stores import arrow_reads
from pipelines.stores.baseline import read_manifest
from pipelines.stores.rollups import EPOCH

log = logging.getLogger(__name__)
TOLD = 1_000_000  # rows between two lines of progress
HELD = 2_000  # buckets and versions in memory, before their counts are written


def run(context: Context) -> dict[str, Any]:
    """Add the new rows' counts and move the watermark, both or neither."""
    contract, step = context.use_case.contract, context.use_case.policy.drift.step
    manifest = read_manifest(context.use_case.folder, contract)
    with context.connection.transaction():
        begin, end, now = context.rollups.span(context.name, manifest.name, step)
        rollup = Rollup(manifest.profiles, _micros(step), _micros(now - EPOCH))
        found = arrow_reads.stream(
            context.settings,
            "rollup",
            use_case=context.name,
            contract_hash=contract.hash,
            begin=begin,
            end=end,
        )
        for piece in found:
            before = rollup.rows
            rollup.add(_answers(piece, len(contract.columns)))
            if rollup.cells > HELD:
                context.rollups.add(context.name, manifest.name, rollup)
                rollup.clear()
            if rollup.rows // TOLD > before // TOLD:
                log.info("%s predictions are counted …", f"{rollup.rows:,}")
        context.rollups.add(context.name, manifest.name, rollup)
        since = (
            now - context.use_case.policy.label_maturity - context.use_case.policy.evaluation.window
        )
        context.rollups.add_outcomes(
            context.name, begin, end, since=since, step=step, edges=SCORE_EDGES.tolist()
        )
        ahead = rollup.ahead if rollup.rows else None
        context.rollups.move(context.name, manifest.name, step, end, ahead=ahead)
    log.info("%s new predictions are rolled up", f"{rollup.rows:,}")
    if rollup.foreign:
        log.warning(
            "%s of them were made under another contract: their features are not compared",
            f"{rollup.foreign:,}",
        )
    return {"rows": rollup.rows, "foreign": rollup.foreign}


def _answers(piece: pa.RecordBatch, width: int) -> PredictionBatch:
    features, whole = piece["features"], pa.int64()
    return PredictionBatch(
        scored_at=arrow_reads.vector(piece["scored_at"].view(whole)),
        version=arrow_reads.vector(piece["model_version"].cast(whole)),
        score=arrow_reads.vector(piece["score"]),
        flag=arrow_reads.vector(piece["predicted_label"].cast(whole)),
        known=arrow_reads.vector(features.is_valid().cast(pa.int8())).astype(bool),
        features=arrow_reads.matrix(features, width),
    )


def _micros(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
