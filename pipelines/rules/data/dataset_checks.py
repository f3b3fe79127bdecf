"""What is wrong with rows as a whole, though each by itself may keep the contract."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.statistics.confidence_intervals import wilson

SHOWN = 5  # rows of each finding in a report
SAMPLED = 100_000  # rows that are enough to see a leak or a copy
EDGES = 16  # quantiles of either class
ENOUGH = 20  # of a class, or rows in common: fewer say nothing
COPIES = 1 - 1e-9  # correlation of two columns that are one, in other units perhaps
CLOSE = 1e-6  # relative difference of a value that is the same


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check that found something: of which columns, how much against what limit, and in words.

    `verdict` is what it makes of the run, '' for a warning; `rows` are positions of some that show it.
    """

    check: str
    columns: tuple[str, ...]
    observed: float
    threshold: float
    reason: str
    verdict: str = "REJECTED"
    rows: tuple[int, ...] = ()


def missing(
    features: NDArray[np.float64],
    usual: NDArray[np.float64],
    names: tuple[str, ...],
    *,
    share: float,
) -> Iterator[Finding]:
    """Features (n, columns) of which more is missing than the `usual` share (columns,) and `share` together."""
    gaps = np.isnan(features)
    for at in np.flatnonzero(gaps.mean(axis=0) > usual + share):
        seen, limit = float(gaps[:, at].mean()), float(usual[at] + share)
        reason = f"{names[at]}: {seen:.1%} are missing, {usual[at]:.1%} are in the baseline: the limit is {limit:.1%}"
        yield Finding(
            check="missing",
            columns=(names[at],),
            observed=seen,
            threshold=limit,
            reason=reason,
            rows=_first(gaps[:, at]),
        )


def outside(
    features: NDArray[np.float64],
    baseline: NDArray[np.float64],
    names: tuple[str, ...],
    *,
    share: float,
) -> Iterator[Finding]:
    """A warning for features that in more than `share` of the rows lie beyond the least and greatest of the baseline."""
    for at, name in enumerate(names):
        known = baseline[~np.isnan(baseline[:, at]), at]
        if not len(known):
            continue
        beyond = (features[:, at] < known.min()) | (features[:, at] > known.max())
        if (seen := float(beyond.mean())) > share:
            reason = (
                f"{name}: {seen:.1%} lie outside the baseline's {known.min():g} to {known.max():g}"
            )
            yield Finding(
                check="outside",
                columns=(name,),
                observed=seen,
                threshold=share,
                reason=reason,
                verdict="",
                rows=_first(beyond),
            )


def copies(features: NDArray[np.float64], names: tuple[str, ...]) -> Iterator[Finding]:
    """A warning for columns that say the same, in other units perhaps, and for those that say nothing."""
    sample = features[_evenly(len(features))]
    if len(sample) < ENOUGH:
        return
    there = np.isfinite(sample)
    least, most = (
        np.where(there, sample, np.inf).min(axis=0),
        np.where(there, sample, -np.inf).max(axis=0),
    )
    for at in np.flatnonzero(~(least < most)):
        reason = f"{names[at]}: {'every row has the same value' if there[:, at].any() else 'it is missing in every row'}"
        yield Finding(
            check="constant",
            columns=(names[at],),
            observed=0.0,
            threshold=0.0,
            reason=reason,
            verdict="",
        )
    alive = np.flatnonzero(least < most)
    centred = np.where(there, sample, least)[:, alive] - least[alive]
    centred = np.where(there[:, alive], centred - centred.mean(axis=0), 0.0)
    unit = centred / np.sqrt((centred**2).sum(axis=0))
    correlation = np.abs(unit.T @ unit)
    for one, other in np.argwhere(np.triu(correlation > COPIES, 1)):
        pair = (names[alive[one]], names[alive[other]])
        reason = f"{pair[0]} and {pair[1]} say the same: take one of them out of the contract, or mend what fills them"
        seen = float(correlation[one, other])
        yield Finding(
            check="copy", columns=pair, observed=seen, threshold=COPIES, reason=reason, verdict=""
        )


def leaks(
    features: NDArray[np.float64], labels: NDArray[np.int8], names: tuple[str, ...], *, auc: float
) -> Iterator[Finding]:
    """Features (n, columns) that alone tell the label (n,), −1 while unknown, better than a ROC-AUC of `auc`."""
    known = np.flatnonzero(labels >= 0)
    picked = known[_evenly(len(known))]
    labels = labels[picked]
    if min(labels.sum(), len(labels) - labels.sum()) < ENOUGH:
        return
    for at, name in enumerate(names):
        if (seen := separation(features[picked, at], labels)) > auc:
            reason = f"{name} alone tells the label (ROC-AUC {seen:.4f}, above {auc:g}): is it known before the label is?"
            rows = tuple(picked[labels == 1][:SHOWN].tolist())
            yield Finding(
                check="leak",
                columns=(name,),
                observed=seen,
                threshold=auc,
                reason=reason,
                rows=rows,
            )


def separation(values: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """ROC-AUC of one feature (n,) by the share of positives in its bins, so in whatever order; missing is a bin of its own.

    The bins' edges are quantiles of the positives and of the negatives, and where either class ends. Every other row of a
    class orders the bins for the rest, and the rest for them: judged on the rows that ordered them, bins find 0.9 in noise.
    """
    known = ~np.isnan(values)
    of_class = [values[known & (labels == label)] for label in (0, 1)]
    inner = [
        np.quantile(found, np.linspace(0, 1, EDGES), method="lower")
        for found in of_class
        if len(found)
    ]
    edges = [*inner, *([np.nextafter(found[-1], np.inf)] for found in inner)]
    cuts = np.unique(np.concatenate(edges)) if edges else np.empty(0)
    bins = np.where(known, np.searchsorted(cuts, values, side="right") + 1, 0)
    place = np.where(
        labels == 1, np.cumsum(labels), np.cumsum(1 - labels)
    )  # in its class: both halves hold both
    halves = [
        _counts(bins[place % 2 == half], labels[place % 2 == half], len(cuts) + 2)
        for half in (0, 1)
    ]
    return sum(_auc(judged, by) for judged, by in (halves, halves[::-1])) / 2


def _counts(bins: NDArray[np.int64], labels: NDArray[np.int8], n: int) -> NDArray[np.float64]:
    """Negatives and positives (2, n) in each bin."""
    return np.array(
        [np.bincount(bins[labels == label], minlength=n) for label in (0, 1)], dtype=np.float64
    )


def _auc(counts: NDArray[np.float64], by: NDArray[np.float64]) -> float:
    """ROC-AUC of bins that are ordered by their share of positives in the counts `by`; ties count half."""
    rate = (by[1] + 0.01 * by[1].sum() / by.sum()) / (
        by.sum(axis=0) + 0.01
    )  # an empty bin has the share of all
    _, rank = np.unique(rate, return_inverse=True)
    negatives, positives = (np.bincount(rank, weights=each) for each in counts)
    below = np.cumsum(negatives) - negatives / 2
    return float((positives * below).sum() / max(positives.sum() * negatives.sum(), 1))


def label_share(
    labels: NDArray[np.int8], usual: float, name: str, *, factor: float
) -> Iterator[Finding]:
    """Whether the odds of a positive are surely more than `factor` times the usual share's, or less (95 % interval)."""
    if len(labels) < ENOUGH or not 0 < usual < 1:
        return
    low, high = wilson(float(labels.sum()), len(labels))
    most, least = _share(_odds(usual) * factor), _share(_odds(usual) / factor)
    if low > most or high < least:
        seen, limit = float(labels.mean()), most if low > usual else least
        reason = (
            f"{name}: {seen:.2%} of {len(labels):,} labels are positive, {usual:.2%} in the baseline: more than {factor:g} "
            f"times as {'frequent' if low > usual else 'rare'}: are the labels' classes what the contract says?"
        )
        yield Finding(
            check="label_share", columns=(name,), observed=seen, threshold=limit, reason=reason
        )


def _odds(share: float) -> float:
    return share / (1 - share)


def _share(odds: float) -> float:
    return odds / (1 + odds)


class Common(msgspec.Struct, frozen=True):
    """Transactions that were both logged and ingested: their positions (n,) in the run's rows, and features (n, columns)."""

    positions: NDArray[np.int64]
    logged: NDArray[np.float64]
    ingested: NDArray[np.float64]


def skew(common: Common, names: tuple[str, ...], *, share: float) -> Iterator[Finding]:
    """Features that serving saw otherwise than history tells of the same transactions, in surely more than `share` of them."""
    logged, ingested = common.logged, common.ingested
    if len(logged) < ENOUGH:
        return
    same = np.isclose(logged, ingested, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    for at, name in enumerate(names):
        other = int((~same[:, at]).sum())
        if wilson(other, len(same))[0] <= share:  # one correction among twenty is no skew
            continue
        seen = other / len(same)
        reason = (
            f"{name}: in {seen:.1%} of {len(logged):,} transactions the value that was served is not the one that was "
            f"ingested, more than {share:.1%}: both must be computed alike"
        )
        rows = tuple(common.positions[~same[:, at]][:SHOWN].tolist())
        yield Finding(
            check="skew", columns=(name,), observed=seen, threshold=share, reason=reason, rows=rows
        )


def stale(newest: np.datetime64, due: np.datetime64, *, limit: timedelta) -> Iterator[Finding]:
    """Whether the newest row lies more than `limit` before the time `due`, up to which there could be rows."""
    age: timedelta = (due - newest).astype("timedelta64[s]").item()
    if age > limit:
        reason = (
            f"the newest matured prediction is of {newest.astype('datetime64[s]')} UTC, {_days(age)} before the newest that "
            f"could be, more than {_days(limit)}: are predictions still logged?"
        )
        yield Finding(
            check="freshness", columns=(), observed=age.total_seconds(), threshold=limit.total_seconds(), reason=reason,
            verdict="INSUFFICIENT",
        )  # fmt: skip


def _days(time: timedelta) -> str:
    return f"{time / timedelta(days=1):.1f} days"


def _first(rows: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(row) for row in np.flatnonzero(rows)[:SHOWN])


def _evenly(n: int) -> NDArray[np.int64]:
    return np.linspace(0, n - 1, min(n, SAMPLED)).astype(np.int64) if n else np.empty(0, np.int64)
