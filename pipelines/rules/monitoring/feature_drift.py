"""Drift of one window against a reference, from the counts of both."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.statistics import divergence
from pipelines.rules.use_case.policy import Drift

Counts = Mapping[str, NDArray[np.int64]]  # of each feature: missing, bin 0, bin 1, …


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """What was measured, and what samples of these sizes would show without drift."""

    value: float
    expected: float


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """One feature's distance from the reference; `adjusted` is the p-value corrected for looking at many features.

    `missing` and `outside` are shares of the window's rows beside those of the reference. A feature that the policy ignores
    has no adjusted p-value and never drifted.
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
    """One window: every feature's drift; without enough rows there is none, and nothing is known."""

    n: int
    features: tuple[FeatureDrift, ...]

    @property
    def compared(self) -> list[FeatureDrift]:
        """The features that the policy does not ignore."""
        return [f for f in self.features if not math.isnan(f.adjusted)]

    @property
    def share(self) -> float:
        """The share of compared features that drifted; NaN when nothing is known."""
        return (
            sum(f.drifted for f in self.compared) / len(self.compared)
            if self.compared
            else math.nan
        )

    def weighted(self, importance: Mapping[str, float]) -> float:
        """The share of importance that the drifted features hold; NaN when nothing is known."""
        total = sum(importance.get(f.feature, 0.0) for f in self.compared)
        return (
            sum(importance.get(f.feature, 0.0) for f in self.compared if f.drifted) / total
            if total
            else math.nan
        )


def measure(reference: Mapping[str, Profile], counts: Counts, drift: Drift) -> WindowDrift:
    """Compare a window's counts with a reference's.

    A feature drifts when its PSI exceeds what no drift would show by `drift.psi`, and chance explains the difference with a
    probability below `drift.level`, corrected for the number of features. Of those that the policy ignores only what is missing
    or outside counts. Fewer than `drift.rows` rows give no figure.
    """
    n = rows(counts)
    if n < drift.rows:
        return WindowDrift(n, ())
    names = [name for name in reference if name in counts]
    tests = {
        name: divergence.homogeneity(np.asarray(reference[name].counts), counts[name])
        for name in names
    }
    compared = [name for name in names if name not in drift.ignore]
    corrected = divergence.benjamini_hochberg(np.array([tests[name][2] for name in compared]))
    adjusted = dict(zip(compared, corrected.tolist(), strict=True))
    found = [
        _feature(
            name, reference[name], counts[name], *tests[name], adjusted.get(name, math.nan), drift
        )
        for name in names
    ]
    return WindowDrift(n, tuple(found))


def compare(name: str, reference: Profile, counts: NDArray[np.int64], drift: Drift) -> FeatureDrift:
    """One column on its own, such as the scores; none of its rows may be missing, or few of them."""
    test = divergence.homogeneity(np.asarray(reference.counts), counts)
    return _feature(name, reference, counts, *test, test[2], drift)


def rows(counts: Counts) -> int:
    """How many rows were counted: every one is in each feature's counts."""
    return max((int(count.sum()) for count in counts.values()), default=0)


def add(parts: Sequence[Counts]) -> dict[str, NDArray[np.int64]]:
    """The counts of several spans as those of one."""
    return (
        {name: np.sum([part[name] for part in parts], axis=0) for name in parts[0]} if parts else {}
    )


def steps(parts: Sequence[Counts], least: int, n: int) -> list[tuple[int, int]]:
    """The last `n` disjoint steps as spans [first, last] of `parts`, oldest part first and oldest step first.

    A step is a part that holds `least` rows, or as many parts together as it takes: where traffic is thin, single parts
    would show nothing for ever. What remains before the first whole step is none.
    """
    found: list[tuple[int, int]] = []
    last, held = len(parts) - 1, 0
    for at in range(len(parts) - 1, -1, -1):
        held += rows(parts[at])
        if held >= least:
            found.append((at, last))
            last, held = at - 1, 0
            if len(found) == n:
                break
    return found[::-1]


def _feature(
    name: str, reference: Profile, counts: NDArray[np.int64], chi_square: float, degrees: int, p_value: float,
    adjusted: float, drift: Drift,
) -> FeatureDrift:  # fmt: skip
    all_bins = np.asarray(reference.counts)
    used = (all_bins + counts) > 0
    before, now = all_bins[used], counts[used]
    n, m = int(before.sum()), int(now.sum())
    stability = Statistic(
        value=divergence.psi(before, now), expected=divergence.psi_without_drift(len(before), n, m)
    )
    return FeatureDrift(
        feature=name, n=m, psi=stability, p_value=p_value, adjusted=adjusted,
        jensen_shannon=Statistic(
            value=divergence.jensen_shannon(before, now), expected=divergence.jensen_shannon_without_drift(len(before), n, m)
        ),
        wasserstein=_wasserstein(reference, counts),
        chi_square=Statistic(value=chi_square, expected=float(degrees)),
        missing=Statistic(value=float(counts[0] / m), expected=float(all_bins[0] / n)),
        outside=Statistic(value=_outside(reference, counts) / m, expected=_outside(reference, all_bins) / n),
        drifted=stability.value - stability.expected > drift.psi and adjusted < drift.level,
    )  # fmt: skip


def _wasserstein(reference: Profile, counts: NDArray[np.int64]) -> Statistic:
    """In the reference's standard deviations, over the rows that are not missing; NaN where there are none."""
    before, now, means = np.asarray(reference.counts[1:]), counts[1:], np.asarray(reference.means)
    n, m = int(before.sum()), int(now.sum())
    if not n or not m or len(means) != len(before):
        return Statistic(value=math.nan, expected=math.nan)
    scale = reference.deviation or 1.0
    return Statistic(
        value=divergence.wasserstein(before, now, means) / scale,
        expected=divergence.wasserstein_without_drift(before, means, n, m) / scale,
    )


def _outside(reference: Profile, counts: NDArray[np.int64]) -> float:
    return float(sum(counts[at + 1] for at in reference.outside))
