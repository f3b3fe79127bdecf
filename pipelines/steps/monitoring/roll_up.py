"""Count the predictions and labels that are new since the last drift check, by bin and score."""

import logging
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.context import Context
from pipelines.rules.monitoring.binning import SCORE_EDGES
from pipelines.rules.monitoring.data_quality import MANY, page_share
from pipelines.rules.monitoring.rollup import PredictionBatch, Rollup
from pipelines.steps.monitoring.reference_bins import reference_bins
from pipelines.stores import arrow_reads
from pipelines.stores.rollups import EPOCH, START, RollupSpan
from pipelines.stores.row_conversion import RowConverter

log = logging.getLogger(__name__)
LOG_INTERVAL = 1_000_000  # rows between two lines of progress
MAX_CELLS = 2_000  # buckets and versions in memory, before their counts are written


def run(context: Context) -> dict[str, Any]:
    """Add the counts of new rows and move the watermark, in one transaction."""
    use_case = context.use_case
    step = use_case.policy.drift.step
    _, counted = reference_bins(context)
    rollups = context.rollups
    with context.connection.transaction():
        span = rollups.span(context.name, counted.bins, step)
        since = span.now - use_case.policy.drift.window
        rollup = Rollup(
            counted.profiles,
            step=_micros(step),
            time=_micros(span.now - EPOCH),
            since=_micros(since - EPOCH),
        )
        _count_predictions(context, rollup, span, baseline=counted.bins)
        rollups.add_outcomes(
            context.name,
            span.begin,
            span.end,
            since=EPOCH if span.begin == START else _outcomes_since(context, span.now),
            step=step,
            edges=SCORE_EDGES.tolist(),
        )
        context.quality.add_repeated(
            context.name,
            span.watermark,
            span.end,
            since=since,
            until=span.now,
            pages=_page_share(context, rollup, span, since),
        )
        ahead = rollup.ahead if rollup.rows else None
        rollups.move(context.name, counted.bins, step, span.end, ahead=ahead)
    log.info("%s new predictions were counted", f"{rollup.rows:,}")
    if rollup.foreign:
        log.warning(
            "%s of them were made under a contract that is not recorded: "
            "their features are not compared",
            f"{rollup.foreign:,}",
        )
    return {"rows": rollup.rows, "foreign": rollup.foreign}


def _count_predictions(
    context: Context, rollup: Rollup, span: RollupSpan, *, baseline: str
) -> None:
    """Store the counts of the predictions that were written in the transactions of the span."""
    columns = context.use_case.contract.columns
    positions = [columns.index(name) for name in rollup.profiles]
    batches = arrow_reads.stream(
        context.settings,
        "rollup",
        use_case=context.name,
        contract_hash=context.use_case.contract.hash,
        begin=span.begin,
        end=span.end,
    )
    for batch in batches:
        before = rollup.rows
        rollup.add(_predictions(batch, context.converter, positions))
        if rollup.cells > MAX_CELLS:
            context.rollups.add(context.name, baseline, rollup)
            rollup.clear()
        if rollup.rows // LOG_INTERVAL > before // LOG_INTERVAL:
            log.info("%s predictions counted so far", f"{rollup.rows:,}")
    context.rollups.add(context.name, baseline, rollup)


def _page_share(context: Context, rollup: Rollup, span: RollupSpan, since: datetime) -> float:
    """The share of the log's pages from which new predictions are sampled."""
    if span.is_repeated or rollup.recent < MANY:
        return 1.0
    by_version = context.rollups.scores(context.name, since, span.now)
    return page_share(rollup.recent, sum(counts.n for counts in by_version.values()))


def _outcomes_since(context: Context, now: datetime) -> datetime:
    """The time before which predictions are too old for new labels to be counted."""
    policy = context.use_case.policy
    return now - policy.label_maturity - policy.evaluation.window


def _predictions(
    batch: pa.RecordBatch, converter: RowConverter, positions: list[int]
) -> PredictionBatch:
    """A batch with the features at some positions of the current contract's columns."""
    known, features = converter.arrow(batch["contract_hash"], batch["features"])
    if len(positions) < features.shape[1]:
        features = features[:, positions]
    return PredictionBatch(
        scored_at=arrow_reads.vector(batch["scored_at"].view(pa.int64())),
        version=arrow_reads.vector(batch["model_version"]).astype(np.int64),
        score=arrow_reads.vector(batch["score"]),
        flag=arrow_reads.vector(batch["predicted_label"]).astype(np.int64),
        known=known,
        features=features,
    )


def _micros(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
