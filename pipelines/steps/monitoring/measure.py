"""Measure the window from its counts alone: drift against both references, the scores, and how well the champion does."""

import logging
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context
from pipelines.reporting.tables import drift_text
from pipelines.rules.monitoring.alert_rules import driving
from pipelines.rules.monitoring.drift_check import (
    SHARE,
    References,
    Span,
    TrafficCounts,
    check,
    reach,
)
from pipelines.rules.monitoring.feature_drift import Counts
from pipelines.rules.promotion.ledger import champion
from pipelines.steps.monitoring.newest_check import why_older
from pipelines.stores.baseline import Manifest, read_manifest

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Write the figures of this check; a repeated check writes the same ones again."""
    drift = context.use_case.policy.drift
    manifest = read_manifest(context.use_case.folder, context.use_case.contract)
    span = Span.at(context.as_of, drift.window, drift.step)
    figures = check(
        context.run_id,
        span,
        gather(context, manifest, span),
        references(context, manifest),
        context.use_case.policy,
    )
    with context.connection.transaction():
        context.metrics.record(context.name, figures, as_of=context.as_of)
    log.info("%s", drift_text(figures, driving(figures, context.use_case.policy)))
    if older := why_older(context):
        log.info("the figures are kept for history: %s", older)
    window = next(m for m in figures if m.metric == SHARE)
    return {"check_id": context.run_id, "rows": window.n, "figures": len(figures)}


def references(context: Context, manifest: Manifest) -> References:
    """The baseline, and what the champion of the check's time was trained on, in the same bins."""
    entries = context.ledger.recent(context.name, limit=1000)
    served = champion([entry for entry in entries if entry.at <= context.as_of])
    if served is None:
        return References(baseline=manifest.profiles)
    training = context.models.profile(context.name, served.version)
    if training is None or training.bins != manifest.name:
        log.info(
            "version %s was not trained with this baseline's bins: traffic is compared with the baseline",
            served.version,
        )
        training = None
    return References(baseline=manifest.profiles, champion=served.version, training=training)


def gather(context: Context, manifest: Manifest, span: Span) -> TrafficCounts:
    """Counts of the window, of the steps before it, and of what has matured."""
    policy, rollups = context.use_case.policy, context.rollups
    until = span.whole - policy.label_maturity
    return TrafficCounts(
        buckets=_buckets(context, manifest, min(span.start, span.end - reach(policy)), span.end),
        scores=rollups.scores(context.name, span.start, span.end),
        matured=rollups.scores(context.name, until - policy.performance.window, until),
        ahead=rollups.ahead(context.name),
        attributions=context.explanations.attributions(context.name, span.start, span.end),
    )


def _buckets(
    context: Context, manifest: Manifest, start: datetime, end: datetime
) -> dict[datetime, Counts]:
    found: dict[datetime, dict[str, NDArray[np.int64]]] = {}
    for bucket, feature, bins, counts in context.rollups.features(
        context.name, manifest.name, start, end
    ):
        if bucket not in found:
            found[bucket] = {
                name: np.zeros(len(profile.counts), np.int64)
                for name, profile in manifest.profiles.items()
            }
        np.add.at(found[bucket][feature], np.asarray(bins) + 1, counts)
    return dict(found)
