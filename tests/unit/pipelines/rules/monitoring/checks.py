"""A small drift check, and a drift statistic that Sixgate does not have."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np
from scipy.special import kolmogorov

from pipelines.records import Metric
from pipelines.rules.explanation.attribution import Attribution
from pipelines.rules.monitoring.binning import count, profile
from pipelines.rules.monitoring.data_quality import REFUSED, QualityCounts
from pipelines.rules.monitoring.drift_check import References, Span, TrafficCounts, check_drift
from pipelines.rules.monitoring.drift_statistics.interface import (
    ColumnCounts,
    DriftStatistic,
    StatisticValue,
    shares,
)
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.use_case.spellings import CLIPPED, UNKNOWN
from pipelines.settings import ROOT
from pipelines.use_case import read_policy

CHAMPION = 3
FEATURES = ("moved", "same", "ignored")
TREATED = (
    ("same", REFUSED),
    ("same", UNKNOWN["other"]),
    ("same", CLIPPED),
    ("labels.label", REFUSED),
)
_SHIPPED = read_policy(ROOT / "reference" / "fraud")
POLICY = msgspec.structs.replace(
    _SHIPPED, drift=msgspec.structs.replace(_SHIPPED.drift, ignore=("ignored",))
)


class KolmogorovSmirnov:
    """The largest difference of cumulative shares over the bins, with its asymptotic p-value."""

    name = "kolmogorov_smirnov"
    title = "KS p, corrected"
    order = 100
    format = ".2g"
    is_test = True
    takes_ignored = False
    takes_scores = True

    def measure(self, column: ColumnCounts) -> StatisticValue:
        below_reference = np.cumsum(shares(column.reference))
        below_window = np.cumsum(shares(column.window))
        value = float(np.abs(below_reference - below_window).max())
        root = np.sqrt(column.n * column.m / (column.n + column.m))
        return StatisticValue(value=value, expected=0.87 / root, p_value=kolmogorov(value * root))


def small_check(statistics: Sequence[DriftStatistic]) -> list[Metric]:
    """All kinds of metrics, of 1,000 predictions in which the first feature moved by 1 sd."""
    draw = np.random.default_rng(0)
    before = draw.normal(size=(20_000, len(FEATURES)))
    now = draw.normal(size=(1000, len(FEATURES)))
    now[:, 0] += 1.0
    scores = draw.beta(1, 5, 1000)
    labels = draw.integers(0, 2, 1000).astype(np.int8)
    profiles = {name: profile(before[:, index]) for index, name in enumerate(FEATURES)}
    training = Reference.of(
        "b",
        profiles,
        before,
        contributions=np.ones((1, len(FEATURES))),
        scores=scores,
    )
    span = Span.at(datetime(2026, 1, 1, 12, tzinfo=UTC), POLICY.drift.window, POLICY.drift.step)
    score_counts = ScoreCounts.of(scores, scores > 0.2, labels)
    attribution = Attribution.of(np.ones((300, len(FEATURES))), np.ones(300))
    counts = {
        name: np.array(count(now[:, index], profiles[name].edges))
        for index, name in enumerate(FEATURES)
    }
    return check_drift(
        check_id="check",
        span=span,
        traffic=TrafficCounts(
            buckets={span.start: counts},
            scores={CHAMPION: score_counts},
            matured={CHAMPION: score_counts},
            ahead=1,
            quality=QualityCounts(treated=dict.fromkeys(TREATED, 10)),
            attributions={CHAMPION: (list(FEATURES), attribution)},
        ),
        references=References(baseline=profiles, champion=CHAMPION, training=training),
        policy=POLICY,
        statistics=statistics,
    )
