"""Checks of a data set as a whole: faults that no single row shows."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.statistics.confidence_intervals import wilson

SAMPLE_ROWS = 5  # row positions that a finding lists
MOST_ROWS = 100_000  # enough to see a leak or a copy
QUANTILES = 16  # of each class
ENOUGH = 20  # labels of a class, or shared transactions: fewer are no evidence
COPY_CORRELATION = 1 - 1e-9  # of two columns with the same values, possibly in other units
SAME = 1e-6  # relative difference between equal values


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A failed check: its columns, the observed value, the threshold and the reason.

    `verdict` is the verdict that the finding gives the run, '' for a warning. `rows` are positions
    of some rows that show it.
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
    """Find features (n, columns) with too many missing values.

    The limit of a column is its `usual` missing share (columns,) plus `share`.
    """
    gaps = np.isnan(features)
    observed = gaps.mean(axis=0)
    limits = usual + share
    for column in np.flatnonzero(observed > limits):
        reason = (
            f"{names[column]}: {observed[column]:.1%} of values are missing; "
            f"the baseline has {usual[column]:.1%}, the limit is {limits[column]:.1%}"
        )
        yield Finding(
            check="missing",
            columns=(names[column],),
            observed=float(observed[column]),
            threshold=float(limits[column]),
            reason=reason,
            rows=_first(gaps[:, column]),
        )


def outside(
    features: NDArray[np.float64],
    baseline: NDArray[np.float64],
    names: tuple[str, ...],
    *,
    share: float,
) -> Iterator[Finding]:
    """Warn of features with more than `share` of the rows outside the baseline's range."""
    for column, name in enumerate(names):
        values = features[:, column]
        usual = baseline[:, column]
        usual = usual[~np.isnan(usual)]
        if not len(usual):
            continue
        least = usual.min()
        greatest = usual.max()
        beyond = (values < least) | (values > greatest)
        observed = float(beyond.mean())
        if observed <= share:
            continue
        yield Finding(
            check="outside",
            columns=(name,),
            observed=observed,
            threshold=share,
            reason=(
                f"{name}: {observed:.1%} of values are outside the baseline range "
                f"[{least:g}, {greatest:g}]"
            ),
            verdict="",
            rows=_first(beyond),
        )


def copies(features: NDArray[np.float64], names: tuple[str, ...]) -> Iterator[Finding]:
    """Warn of columns that are copies of each other, possibly in other units, and of constants."""
    sample = features[_evenly(len(features))]
    if len(sample) < ENOUGH:
        return
    finite = np.isfinite(sample)
    least = np.where(finite, sample, np.inf).min(axis=0)
    greatest = np.where(finite, sample, -np.inf).max(axis=0)
    varies = least < greatest
    for column in np.flatnonzero(~varies):
        empty = not finite[:, column].any()
        yield _constant(names[column], empty=empty)
    columns = np.flatnonzero(varies)
    correlation = _correlation(sample, finite, least, columns)
    high = np.triu(correlation > COPY_CORRELATION, 1)
    for first, second in np.argwhere(high):
        first_name = names[columns[first]]
        second_name = names[columns[second]]
        yield _copy(first_name, second_name, float(correlation[first, second]))


def _constant(name: str, *, empty: bool) -> Finding:
    fault = "it is missing in every row" if empty else "every row has the same value"
    return Finding(
        check="constant",
        columns=(name,),
        observed=0.0,
        threshold=0.0,
        reason=f"{name}: {fault}",
        verdict="",
    )


def _copy(first: str, second: str, correlation: float) -> Finding:
    reason = (
        f"{first} and {second} are perfectly correlated: "
        "remove one of them from the contract, or correct the data source"
    )
    return Finding(
        check="copy",
        columns=(first, second),
        observed=correlation,
        threshold=COPY_CORRELATION,
        reason=reason,
        verdict="",
    )


def _correlation(
    values: NDArray[np.float64],
    finite: NDArray[np.bool_],
    least: NDArray[np.float64],
    columns: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Absolute correlations of some columns of values (n, all columns); `least` (all columns,).

    A value that is not finite counts as the mean of its column.
    """
    filled = np.where(finite, values, least)
    shifted = filled[:, columns] - least[columns]
    differences = shifted - shifted.mean(axis=0)
    centred = np.where(finite[:, columns], differences, 0.0)
    norms = np.sqrt((centred**2).sum(axis=0))
    unit = centred / norms
    correlation: NDArray[np.float64] = np.abs(unit.T @ unit)
    return correlation


def leaks(
    features: NDArray[np.float64],
    labels: NDArray[np.int8],
    names: tuple[str, ...],
    *,
    auc: float,
) -> Iterator[Finding]:
    """Find features (n, columns) that alone predict the label with a ROC-AUC above `auc`.

    labels (n,) are −1 where unknown.
    """
    labelled = np.flatnonzero(labels >= 0)
    sample = labelled[_evenly(len(labelled))]
    labels = labels[sample]
    positives = labels.sum()
    negatives = len(labels) - positives
    if min(positives, negatives) < ENOUGH:
        return
    positive_rows = sample[labels == 1]
    rows = tuple(positive_rows[:SAMPLE_ROWS].tolist())
    for column, name in enumerate(names):
        observed = separation(features[sample, column], labels)
        if observed <= auc:
            continue
        yield Finding(
            check="leak",
            columns=(name,),
            observed=observed,
            threshold=auc,
            reason=(
                f"{name} alone predicts the label (ROC-AUC {observed:.4f}, above {auc:g}): "
                "check that its value is known before the label"
            ),
            rows=rows,
        )


def separation(values: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """ROC-AUC of one feature (n,) that is scored by the share of positives in its bins.

    The relation to the label may have any shape. Missing values have their own bin. The edges of
    the bins are the quantiles of the positives, those of the negatives, and the end of each class.
    Every other row of a class orders the bins for the remaining rows, and the reverse. Bins that
    are judged on the rows that ordered them reach 0.9 on noise.
    """
    present = ~np.isnan(values)
    edges = _edges(values[present], labels[present])
    bin_of_value = np.searchsorted(edges, values, side="right") + 1
    bins = np.where(present, bin_of_value, 0)
    # A row is placed by its rank in its class, so that each half holds rows of both classes.
    rank = np.where(labels == 1, np.cumsum(labels), np.cumsum(1 - labels))
    odd = rank % 2 == 1
    n = len(edges) + 2
    first = _class_counts(bins[~odd], labels[~odd], n)
    second = _class_counts(bins[odd], labels[odd], n)
    first_auc = _auc(first, ordered_by=second)
    second_auc = _auc(second, ordered_by=first)
    return (first_auc + second_auc) / 2


def _edges(values: NDArray[np.float64], labels: NDArray[np.int8]) -> NDArray[np.float64]:
    edges = []
    for label in (0, 1):
        of_class = values[labels == label]
        if len(of_class):
            quantiles = np.quantile(
                of_class,
                np.linspace(0, 1, QUANTILES),
                method="lower",
            )
            end = np.nextafter(quantiles[-1:], np.inf)
            edges += [quantiles, end]
    if not edges:
        return np.empty(0)
    return np.unique(np.concatenate(edges))


def _class_counts(bins: NDArray[np.int64], labels: NDArray[np.int8], n: int) -> NDArray[np.float64]:
    """Negatives and positives (2, n) in each bin."""
    negatives = np.bincount(bins[labels == 0], minlength=n)
    positives = np.bincount(bins[labels == 1], minlength=n)
    return np.array([negatives, positives], dtype=np.float64)


def _auc(counts: NDArray[np.float64], *, ordered_by: NDArray[np.float64]) -> float:
    """ROC-AUC of bins in the order of their share of positives in other counts; ties count half."""
    known_positives = ordered_by[1]
    # A hundredth of a row with the overall share of positives keeps empty bins defined.
    prior = 0.01 * known_positives.sum() / ordered_by.sum()
    known_rows = ordered_by.sum(axis=0)
    share = (known_positives + prior) / (known_rows + 0.01)
    _, rank = np.unique(share, return_inverse=True)
    negatives = np.bincount(rank, weights=counts[0])
    positives = np.bincount(rank, weights=counts[1])
    below = np.cumsum(negatives) - negatives / 2
    pairs = positives.sum() * negatives.sum()
    return float((positives * below).sum() / max(pairs, 1))


def label_share(
    labels: NDArray[np.int8], usual: float, name: str, *, factor: float
) -> Iterator[Finding]:
    """Find a share of positives that is far from the `usual` share.

    The odds of a positive must be more than `factor` times the usual odds, or less than the usual
    odds divided by `factor`, over the whole 95 % interval of the share.
    """
    if len(labels) < ENOUGH or not 0 < usual < 1:
        return
    odds = _odds(usual)
    least = _share(odds / factor)
    most = _share(odds * factor)
    positives = float(labels.sum())
    low, high = wilson(positives, len(labels))
    if least <= high and low <= most:
        return
    observed = float(labels.mean())
    direction = "frequent" if low > usual else "rare"
    yield Finding(
        check="label_share",
        columns=(name,),
        observed=observed,
        threshold=most if low > usual else least,
        reason=(
            f"{name}: {observed:.2%} of {len(labels):,} labels are positive, {usual:.2%} in the "
            f"baseline: more than {factor:g} times as {direction}; check that the labels' classes "
            "match the contract"
        ),
    )


def _odds(share: float) -> float:
    return share / (1 - share)


def _share(odds: float) -> float:
    return odds / (1 + odds)


class Common(msgspec.Struct, frozen=True):
    """Transactions that were both logged and ingested.

    positions (n,) in the run's rows · logged, ingested (n, columns): their features
    """

    positions: NDArray[np.int64]
    logged: NDArray[np.float64]
    ingested: NDArray[np.float64]


def skew(common: Common, names: tuple[str, ...], *, share: float) -> Iterator[Finding]:
    """Find features that differ in more than `share` of the common transactions.

    The share must be exceeded by the lower 95 % bound: a single correction is no skew.
    """
    logged = common.logged
    n = len(logged)
    if n < ENOUGH:
        return
    same = np.isclose(
        logged,
        common.ingested,
        rtol=SAME,
        atol=SAME,
        equal_nan=True,
    )
    for column, name in enumerate(names):
        differs = ~same[:, column]
        positions = common.positions[differs]
        count = len(positions)
        if wilson(count, n)[0] <= share:
            continue
        observed = count / n
        yield Finding(
            check="skew",
            columns=(name,),
            observed=observed,
            threshold=share,
            reason=(
                f"{name}: in {observed:.1%} of {n:,} transactions the served value differs from "
                f"the ingested value, more than {share:.1%}: compute both in the same way"
            ),
            rows=tuple(positions[:SAMPLE_ROWS].tolist()),
        )


def stale(newest: np.datetime64, due: np.datetime64, *, limit: timedelta) -> Iterator[Finding]:
    """Find a log that ends more than `limit` before `due`, the time of the newest possible row."""
    age: timedelta = (due - newest).astype("timedelta64[s]").item()
    if age <= limit:
        return
    yield Finding(
        check="freshness",
        columns=(),
        observed=age.total_seconds(),
        threshold=limit.total_seconds(),
        reason=(
            f"the newest matured prediction is from {newest.astype('datetime64[s]')} UTC, "
            f"{_days(age)} before the newest possible one, more than {_days(limit)}: "
            "check that predictions are still logged"
        ),
        verdict="INSUFFICIENT",
    )


def _days(time: timedelta) -> str:
    return f"{time / timedelta(days=1):.1f} days"


def _first(rows: NDArray[np.bool_]) -> tuple[int, ...]:
    positions = np.flatnonzero(rows)
    return tuple(positions[:SAMPLE_ROWS].tolist())


def _evenly(n: int) -> NDArray[np.int64]:
    """At most MOST_ROWS positions, evenly spaced over n rows."""
    if not n:
        return np.empty(0, np.int64)
    positions = np.linspace(0, n - 1, min(n, MOST_ROWS))
    return positions.astype(np.int64)
