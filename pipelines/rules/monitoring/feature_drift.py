"""Drift of one window against a reference, computed from the bin counts of both."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.monitoring.drift_rule import Values, has_drifted, with_test
from pipelines.rules.monitoring.drift_statistics.interface import (
    BinCounts,
    ColumnCounts,
    DriftStatistic,
)
from pipelines.rules.statistics.multiple_testing import benjamini_hochberg
from pipelines.rules.use_case.policy_sections.monitoring import Drift

Counts = Mapping[str, BinCounts]  # by feature


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """The statistics of one feature in the order in which they were given, and their verdict.

    The p-values of tests are corrected for the number of features. A feature that the policy
    ignores has only the statistics that take it, and never drifts.
    """

    feature: str
    n: int
    values: Values
    ignored: bool
    drifted: bool


@dataclass(frozen=True)
class WindowDrift:
    """The drift of every feature in one window; `features` is empty when it has too few rows."""

    n: int
    features: tuple[FeatureDrift, ...]

    @property
    def compared(self) -> list[FeatureDrift]:
        """The features that the policy does not ignore."""
        return [feature for feature in self.features if not feature.ignored]

    @property
    def share(self) -> float:
        """The share of compared features that drifted; NaN without compared features."""
        compared = self.compared
        if not compared:
            return math.nan
        drifted = sum(feature.drifted for feature in compared)
        return drifted / len(compared)

    def weighted(self, importance: Mapping[str, float]) -> float:
        """The share of importance that the drifted features have; NaN without any importance."""
        total = 0.0
        of_drifted = 0.0
        for feature in self.compared:
            weight = importance.get(feature.feature, 0.0)
            total += weight
            if feature.drifted:
                of_drifted += weight
        return of_drifted / total if total else math.nan


def measure(
    reference: Mapping[str, Profile],
    counts: Counts,
    drift: Drift,
    statistics: Sequence[DriftStatistic],
) -> WindowDrift:
    """Compare a window's counts with those of a reference.

    `statistics` contain those that decide whether a feature drifts. Features that the policy
    ignores never drift; only statistics that take them are of interest. A window with fewer than
    `drift.rows` rows is not compared.
    """
    n = rows(counts)
    if n < drift.rows:
        return WindowDrift(n, ())
    of_ignored = [statistic for statistic in statistics if statistic.takes_ignored]
    values: dict[str, Values] = {}
    for name, profile in reference.items():
        if name in counts:
            column = ColumnCounts.of(profile, counts[name])
            chosen = of_ignored if name in drift.ignore else statistics
            values[name] = _measured(column, chosen)
    corrected = _corrected(values, statistics)
    features = [
        FeatureDrift(
            feature=name,
            n=int(counts[name].sum()),
            values=corrected[name],
            ignored=name in drift.ignore,
            drifted=name not in drift.ignore and has_drifted(corrected[name], drift),
        )
        for name in values
    ]
    return WindowDrift(n, tuple(features))


def compare(
    name: str,
    reference: Profile,
    counts: BinCounts,
    drift: Drift,
    statistics: Sequence[DriftStatistic],
) -> FeatureDrift:
    """Compare a single column, such as the scores; it must have rows that are not missing."""
    column = ColumnCounts.of(reference, counts)
    values = _measured(column, statistics)
    return FeatureDrift(
        feature=name,
        n=column.m,
        values=values,
        ignored=False,
        drifted=has_drifted(values, drift),
    )


def rows(counts: Counts) -> int:
    """The number of counted rows; every row is in the counts of each feature."""
    totals = (int(count.sum()) for count in counts.values())
    return max(totals, default=0)


def add(buckets: Sequence[Counts]) -> dict[str, BinCounts]:
    """The sum of the counts of several buckets."""
    if not buckets:
        return {}
    totals = {}
    for name in buckets[0]:
        parts = [counts[name] for counts in buckets]
        totals[name] = np.sum(parts, axis=0)
    return totals


def subtract(counts: Counts, part: Counts) -> dict[str, BinCounts]:
    """What is left of counts without a part of them."""
    return {name: counts[name] - part[name] for name in counts}


def merged_buckets(buckets: Sequence[Counts], min_rows: int, n: int) -> list[tuple[int, int]]:
    """Merge adjacent buckets until each has `min_rows` rows; the last `n` as spans [first, last].

    Buckets and spans are in order of time. Merging starts at the newest bucket and joins as many as
    it takes: with little traffic, single buckets would never have enough rows to be compared.
    The oldest buckets are left out when they have too few rows.
    """
    spans: list[tuple[int, int]] = []
    last = len(buckets) - 1
    row_count = 0
    for first in range(len(buckets) - 1, -1, -1):
        row_count += rows(buckets[first])
        if row_count < min_rows:
            continue
        spans.append((first, last))
        if len(spans) == n:
            break
        last = first - 1
        row_count = 0
    return spans[::-1]


def _measured(column: ColumnCounts, statistics: Sequence[DriftStatistic]) -> Values:
    """Each statistic's value, with p-values that are not corrected."""
    values = {statistic.name: statistic.measure(column) for statistic in statistics}
    return with_test(values)


def _corrected(
    values: Mapping[str, Values], statistics: Sequence[DriftStatistic]
) -> dict[str, Values]:
    """The values by feature, with each test's p-values corrected for the number of features."""
    corrected = dict(values)
    for test in statistics:
        if not test.is_test:
            continue
        p_values = {
            feature: by_statistic[test.name].p_value
            for feature, by_statistic in values.items()
            if test.name in by_statistic
        }
        for feature, p_value in _adjusted(p_values).items():
            value = replace(corrected[feature][test.name], p_value=p_value)
            corrected[feature] = {**corrected[feature], test.name: value}
    return corrected


def _adjusted(p_values: Mapping[str, float | None]) -> dict[str, float]:
    """Adjust p-values by feature; a feature without one is left out."""
    known = {
        feature: p_value
        for feature, p_value in p_values.items()
        if p_value is not None and not math.isnan(p_value)
    }
    adjusted = benjamini_hochberg(np.array(list(known.values())))
    return dict(zip(known, adjusted.tolist(), strict=True))
