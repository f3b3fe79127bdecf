"""Drift of one window against the baseline, and what it means."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from pipelines.rules.binning import Profile
from pipelines.rules.policy import Drift

HALF = 0.5  # added to each count, so that an empty bin has a logarithm


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """PSI of one feature with what equal samples of these sizes would show, and a chi-square p-value."""

    feature: str
    psi: float
    expected: float
    p_value: float
    n: int
    drifted: bool


@dataclass(frozen=True)
class WindowDrift:
    """One window: every feature's drift; without enough rows there is none, and nothing is known."""

    n: int
    features: tuple[FeatureDrift, ...]

    @property
    def share(self) -> float:
        """The share of features that drifted; NaN when nothing is known."""
        return sum(f.drifted for f in self.features) / len(self.features) if self.features else math.nan

    @property
    def drifted(self) -> list[str]:
        """The features that drifted, worst first."""
        return [f.feature for f in sorted(self.features, key=lambda f: f.psi, reverse=True) if f.drifted]


def measure(baseline: Mapping[str, Profile], counts: Mapping[str, NDArray[np.int64]], drift: Drift) -> WindowDrift:
    """Compare a window's counts (missing, bin 0, bin 1, … per feature) with the baseline's.

    A feature drifts when its PSI exceeds what no drift would show by `drift.psi`, and chance explains it with a probability
    below `drift.level`. Fewer than `drift.rows` rows give no figure.
    """
    n = max((int(count.sum()) for count in counts.values()), default=0)
    if n < drift.rows:
        return WindowDrift(n, ())
    return WindowDrift(n, tuple(_feature(name, baseline[name], counts[name], drift) for name in baseline if name in counts))


def psi(expected: NDArray[np.int64], actual: NDArray[np.int64]) -> float:
    """Population stability index of two count vectors: Σ (q − p) ln(q / p), with half a count added to each bin."""
    p, q = _shares(expected), _shares(actual)
    return float(((q - p) * np.log(q / p)).sum())


def psi_without_drift(bins: int, n: int, m: int) -> float:
    """What PSI two samples of n and m rows of one distribution show: (bins − 1)(1/n + 1/m), its first-order mean.

    Yurdakul and Naranjo, Statistical properties of the population stability index, Journal of Risk Model Validation 14, 2020.
    """
    return max(bins - 1, 0) * (1 / n + 1 / m)


def severity(share: float, drifted: int, steps: Sequence[float], drift: Drift) -> str | None:
    """The severity of what was measured, None when it is quiet.

    `share` and `drifted` count the window's features that drifted, `steps` holds that share for disjoint steps, the newest
    last; NaN, for too few rows, is never above a threshold. SEVERE needs dataset drift in k of the last n steps, the newest
    among them: a spike that has passed is not severe.
    """
    over = [step >= drift.dataset_share for step in steps[-drift.severe.n :]]
    if over and over[-1] and sum(over) >= drift.severe.k:
        return "SEVERE"
    if share >= drift.dataset_share:
        return "ALERT"
    if drifted > drift.warning_features:
        return "WARNING"
    return "INSPECT" if share > drift.inspect_share else None


def _feature(name: str, baseline: Profile, counts: NDArray[np.int64], drift: Drift) -> FeatureDrift:
    before = np.asarray(baseline.counts)
    used = (before + counts) > 0
    before, now = before[used], counts[used]
    n, m = int(before.sum()), int(now.sum())
    value, expected = psi(before, now), psi_without_drift(len(before), n, m)
    p_value = _chi_square(before, now)
    return FeatureDrift(
        feature=name, psi=value, expected=expected, p_value=p_value, n=m,
        drifted=value - expected > drift.psi and p_value < drift.level,
    )  # fmt: skip


def _chi_square(before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Two-sample chi-square test of homogeneity on the bins."""
    n, m = before.sum(), now.sum()
    statistic = (((math.sqrt(m / n) * before - math.sqrt(n / m) * now) ** 2) / (before + now)).sum()
    return float(chi2.sf(statistic, max(len(before) - 1, 1)))


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    smooth = counts + HALF
    return np.asarray(smooth / smooth.sum(), dtype=np.float64)
