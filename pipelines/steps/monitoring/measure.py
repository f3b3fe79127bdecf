"""Measure a window from its counts: drift from both references, scores and performance."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np

from pipelines.context import Context
from pipelines.reporting.drift_tables import drift_text
from pipelines.rules.monitoring.alert_rules import reference_version
from pipelines.rules.monitoring.drift_check import (
    SHARE,
    References,
    Span,
    TrafficCounts,
    check_drift,
    reach,
)
from pipelines.rules.monitoring.feature_drift import Counts
from pipelines.rules.promotion.ledger import champion
from pipelines.steps.monitoring.newest_check import why_older
from pipelines.steps.monitoring.reference_bins import reference_bins, training_reference
from pipelines.stores.baseline import Manifest
from pipelines.stores.drift_statistics import installed_statistics
from pipelines.stores.rollups import FeatureCounts

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Record the metrics of this drift check; repeating it records the same metrics again."""
    use_case = context.use_case
    policy = use_case.policy
    drift = policy.drift
    baseline, counted = reference_bins(context)
    span = Span.at(context.as_of, drift.window, drift.step)
    statistics = installed_statistics()
    compared = references(context, baseline, counted)
    metrics = check_drift(
        check_id=context.run_id,
        span=span,
        traffic=gather(context, counted, span, compared.champion),
        references=compared,
        policy=policy,
        statistics=statistics,
    )
    with context.connection.transaction():
        context.metrics.record(context.name, metrics, as_of=context.as_of)
    if unmatched := compared.unmatched:
        log.info("no reference yet for %s: not compared", ", ".join(unmatched))
    version = reference_version(metrics, policy)
    log.info("%s", drift_text(metrics, version, statistics))
    if reason := why_older(context):
        log.info("the metrics are kept as history only: %s", reason)
    window = next(metric for metric in metrics if metric.metric == SHARE)
    return {
        "check_id": context.run_id,
        "rows": window.n,
        "metrics": len(metrics),
    }


def references(context: Context, baseline: Manifest, counted: Manifest) -> References:
    """The baseline, and the training profile of the model that was champion at the check's time."""
    entries = context.ledger.recent(context.name, limit=1000)
    earlier = [entry for entry in entries if entry.at <= context.as_of]
    served = champion(earlier)
    columns = context.use_case.contract.columns
    if served is None:
        return References(baseline=baseline.profiles, columns=columns)
    training = training_reference(context, served.version, counted)
    if training is None:
        log.info(
            "version %s has no training profile in this baseline's bins: "
            "traffic is compared with the baseline only",
            served.version,
        )
    return References(
        baseline=baseline.profiles,
        champion=served.version,
        training=training,
        columns=columns,
    )


def gather(context: Context, counted: Manifest, span: Span, champion: int | None) -> TrafficCounts:
    """Counts of the window, of the buckets before it, and of predictions with matured labels."""
    policy = context.use_case.policy
    rollups = context.rollups
    name = context.name
    reach_start = span.end - reach(policy)
    matured_end = span.whole - policy.label_maturity
    matured_start = matured_end - policy.performance.window
    rows = rollups.features(
        name,
        baseline=counted.bins,
        window_start=min(span.start, reach_start),
        window_end=span.end,
    )
    other_rows = [row for row in rows if champion and row.model_version != champion]
    return TrafficCounts(
        buckets=_buckets(counted, rows),
        others=_buckets(counted, other_rows),
        scores=rollups.scores(name, span.start, span.end),
        matured=rollups.scores(name, matured_start, matured_end),
        ahead=rollups.ahead(name),
        attributions=context.explanations.attributions(name, span.start, span.end),
        quality=context.quality.read(name, span.start, span.end, as_of=context.as_of),
    )


def _buckets(manifest: Manifest, rows: Iterable[FeatureCounts]) -> dict[datetime, Counts]:
    """The counts of each bucket by feature: missing, bin 0, bin 1, …"""
    buckets: dict[datetime, Counts] = {}
    for row in rows:
        if row.feature not in manifest.profiles:  # it was removed from the contract
            continue
        if row.bucket not in buckets:
            buckets[row.bucket] = _empty_counts(manifest)
        by_bin = buckets[row.bucket][row.feature]
        indices = np.asarray(row.bins) + 1
        np.add.at(by_bin, indices, row.counts)
    return buckets


def _empty_counts(manifest: Manifest) -> Counts:
    return {
        feature: np.zeros(len(profile.counts), np.int64)
        for feature, profile in manifest.profiles.items()
    }
