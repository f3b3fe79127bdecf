"""Drift of one window against a reference, computed from the bin counts of both."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.statistics import divergence
from pipelines.rules.use_case.policy_sections.monitoring import Drift

BinCounts = NDArray[np.int64]  # missing, bin 0, bin 1, …
Counts = Mapping[str, BinCounts]  # by feature


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """An observed value, and the value expected of samples of these sizes without drift."""

    value: float
    expected: float

    @property
    def excess(self) -> float:
        """How far the value exceeds the expected one."""
        return self.value - self.expected


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """One feature's distance from the reference; `adjusted` is the p-value for multiple tests.

    `missing` and `outside` are shares of the window's rows, with those of the reference as the
    expected values. A feature that the policy ignores has no adjusted p-value and never drifts.
    """

    feature: str
    n: int
    psi: Statistic
    jensen_shannon: Statistic
    wasserstein: Statistic
    chi_square: Statistic
    missing: Statistic
    outside: Statistic
    p_value: float
    adjusted: float
    drifted: bool


@dataclass(frozen=True)
class WindowDrift:
    """The drift of every feature in one window; `features` is empty when it has too few rows."""

    n: int
    features: tuple[FeatureDrift, ...]

    @property
    def compared(self) -> list[FeatureDrift]:
        """The features that the policy does not ignore."""
        return [feature for feature in self.features if not math.isnan(feature.adjusted)]

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


def measure(reference: Mapping[str, Profile], counts: Counts, drift: Drift) -> WindowDrift:
    """Compare a window's counts with those of a reference.

    A feature drifts when its PSI exceeds the value expected without drift by more than `drift.psi`,
    and its p-value, adjusted for the number of features, is below `drift.level`. Features that the
    policy ignores never drift; only their missing and outside shares are of interest. A window
    with fewer than `drift.rows` rows is not compared.
    """
    n = rows(counts)
    if n < drift.rows:
        return WindowDrift(n, ())
    names = [name for name in reference if name in counts]
    tests = {name: _test(reference[name], counts[name]) for name in names}
    adjusted = _adjusted(tests, drift)
    features = [
        _feature(
            name=name,
            reference=reference[name],
            counts=counts[name],
            test=tests[name],
            adjusted=adjusted.get(name, math.nan),
            drift=drift,
        )
        for name in names
    ]
    return WindowDrift(n, tuple(features))


def compare(name: str, reference: Profile, counts: BinCounts, drift: Drift) -> FeatureDrift:
    """Compare a single column, such as the scores; it must have rows that are not missing."""
    test = _test(reference, counts)
    return _feature(
        name=name,
        reference=reference,
        counts=counts,
        test=test,
        adjusted=test.p_value,
        drift=drift,
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


@dataclass(frozen=True)
class _HomogeneityTest:
    chi_square: float
    degrees: int
    p_value: float


def _test(reference: Profile, counts: BinCounts) -> _HomogeneityTest:
    before = np.asarray(reference.counts)
    chi_square, degrees, p_value = divergence.homogeneity(before, counts)
    return _HomogeneityTest(chi_square, degrees, p_value)


def _adjusted(tests: Mapping[str, _HomogeneityTest], drift: Drift) -> dict[str, float]:
    """P-values of the features that the policy compares, adjusted for their number."""
    compared = [name for name in tests if name not in drift.ignore]
    p_values = np.array([tests[name].p_value for name in compared])
    adjusted = divergence.benjamini_hochberg(p_values)
    return dict(zip(compared, adjusted.tolist(), strict=True))


def _feature(
    *,
    name: str,
    reference: Profile,
    counts: BinCounts,
    test: _HomogeneityTest,
    adjusted: float,
    drift: Drift,
) -> FeatureDrift:
    reference_counts = np.asarray(reference.counts)
    outside = [index + 1 for index in reference.outside]
    used = (reference_counts + counts) > 0
    before = reference_counts[used]
    now = counts[used]
    psi = _psi(before, now)
    return FeatureDrift(
        feature=name,
        n=int(now.sum()),
        psi=psi,
        jensen_shannon=_jensen_shannon(before, now),
        wasserstein=_wasserstein(reference, counts),
        chi_square=Statistic(value=test.chi_square, expected=float(test.degrees)),
        missing=_share(reference_counts, counts, [0]),
        outside=_share(reference_counts, counts, outside),
        p_value=test.p_value,
        adjusted=adjusted,
        drifted=psi.excess > drift.psi and adjusted < drift.level,
    )


def _psi(before: BinCounts, now: BinCounts) -> Statistic:
    n = int(before.sum())
    m = int(now.sum())
    return Statistic(
        value=divergence.psi(before, now),
        expected=divergence.psi_without_drift(len(before), n, m),
    )


def _jensen_shannon(before: BinCounts, now: BinCounts) -> Statistic:
    n = int(before.sum())
    m = int(now.sum())
    return Statistic(
        value=divergence.jensen_shannon(before, now),
        expected=divergence.jensen_shannon_without_drift(len(before), n, m),
    )


def _wasserstein(reference: Profile, counts: BinCounts) -> Statistic:
    """In the reference's standard deviations, over rows that are not missing; NaN without any."""
    before = np.asarray(reference.counts[1:])
    now = counts[1:]
    means = np.asarray(reference.means)
    n = int(before.sum())
    m = int(now.sum())
    if not n or not m or len(means) != len(before):
        return Statistic(value=math.nan, expected=math.nan)
    scale = reference.deviation or 1.0
    distance = divergence.wasserstein(before, now, means)
    expected = divergence.wasserstein_without_drift(before, means, n, m)
    return Statistic(value=distance / scale, expected=expected / scale)


def _share(before: BinCounts, now: BinCounts, indices: list[int]) -> Statistic:
    """The share of rows in some bins, and the reference's share."""
    n = before[indices].sum()
    m = now[indices].sum()
    return Statistic(
        value=float(m / now.sum()),
        expected=float(n / before.sum()),
    )
