"""The false-alarm rate and the power of the drift check; a part of `make bench-drift`.

Baseline and traffic of a stream without drift are drawn from a simulated town, row by row and
independently of each other. Each repetition draws a new baseline, computes its bins, and runs a
drift check on the stream every hour, with n rows in a day's window.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipelines.records import Metric
from pipelines.rules.monitoring.alert_rules import evaluate_alerts, severity
from pipelines.rules.monitoring.binning import Profile, count, profiles
from pipelines.rules.monitoring.drift_check import References, Span, TrafficCounts, check_drift
from pipelines.rules.monitoring.drift_statistics.psi import psi
from pipelines.rules.monitoring.feature_drift import Counts, add, merged_buckets
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.stores.drift_statistics import installed_statistics
from pipelines.use_case import UseCase, read_use_case
from stack.demo.simulator import Transactions, World, simulate

SIZES = (200, 1000, 10_000)  # rows a day
BASELINE_ROWS = 30_000
JUDGED_ROWS = 10_000
CHECKS = 4  # of each repetition, an hour apart
SHIFTS = (0.25, 0.5)  # standard deviations
SHIFTED = 1000  # rows in the window
SHIFT_REPETITIONS = 200
TOWNS = 4  # other towns
BARE = 0.15  # PSI above which the rule that is compared with ours calls a feature drifted
START = datetime(2026, 1, 5, tzinfo=UTC)
CHAMPION = 1


@dataclass(frozen=True)
class Town:
    """The population: rows (n, columns) of four weeks without drift, and a score for each."""

    use_case: UseCase
    features: NDArray[np.float64]
    scores: NDArray[np.float64]

    def draw(self, n: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return the positions of n rows, drawn independently of each other."""
        return random.integers(0, len(self.features), n)

    def profile(self, random: np.random.Generator) -> References:
        """Return a new baseline, on which the champion was trained."""
        rows = self.features[self.draw(BASELINE_ROWS, random)]
        baseline = profiles(rows, self.use_case.contract)
        scores = self.scores[self.draw(JUDGED_ROWS, random)]
        training = Reference.of(
            "bench",
            baseline,
            rows,
            contributions=np.ones((1, rows.shape[1])),
            scores=scores,
        )
        return References(baseline=baseline, champion=CHAMPION, training=training)


@dataclass(frozen=True)
class AlarmCounts:
    """The number of drift checks with a severe alert, any alert, or any drifted feature.

    The counts are of Sixgate, of the bare rule on the same buckets and features, and of the bare
    rule on single hours of any size.
    """

    checks: int = 0
    severe: int = 0
    any: int = 0
    feature: int = 0
    bare_severe: int = 0
    bare_any: int = 0
    bare_feature: int = 0
    hourly_severe: int = 0
    hourly_any: int = 0

    def __add__(self, other: "AlarmCounts") -> "AlarmCounts":
        names = [field.name for field in fields(self)]
        return AlarmCounts(*(getattr(self, name) + getattr(other, name) for name in names))

    def share(self, name: str) -> float | None:
        """Return a count's share of the checks; None if there is no such count."""
        alarms_raised = getattr(self, name, None)
        return None if alarms_raised is None else float(alarms_raised / self.checks)


@lru_cache(maxsize=1)
def town(reference: Path) -> Town:
    """Return the simulated town from whose rows streams are drawn."""
    return _town(read_use_case(reference, "fraud"), simulate(World(seed=17, start=START, days=28)))


def _town(use_case: UseCase, transactions: Transactions) -> Town:
    """Return a town; scores are a fixed function of the features, about 5 % of them above 0.5."""
    raw = np.column_stack([transactions.features[name] for name in use_case.contract.raw])
    features = np.ascontiguousarray(Deriver(use_case.contract)(raw))
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    odds = standardised.mean(axis=1)
    odds = 1.5 * (odds - np.quantile(odds, 0.95)) / odds.std()
    return Town(use_case, features, 1 / (1 + np.exp(-odds)))


def without_drift(reference: Path, n: int, repetitions: int, seed: int) -> AlarmCounts:
    """Return the counts of drift checks of streams without drift, n rows a day."""
    population = town(reference)
    random = np.random.default_rng([seed, n])
    alarm_counts = AlarmCounts()
    drift = population.use_case.policy.drift
    hours = drift.window // drift.step
    for _ in range(repetitions):
        references = population.profile(random)
        sizes = random.poisson(n / hours, hours * drift.severe.n + CHECKS)
        stream = [population.draw(size, random) for size in sizes]
        for number in range(CHECKS):
            end = len(stream) - CHECKS + number + 1
            alarm_counts += _checked(population, references, stream[number:end])
    return alarm_counts


def _checked(
    population: Town, references: References, stream: list[NDArray[np.int64]]
) -> AlarmCounts:
    """Return the counts of one drift check of hours of rows, the newest hour last."""
    policy = population.use_case.policy
    drift = policy.drift
    hours = [_count(references.baseline, population.features[rows]) for rows in stream]
    window = drift.window // drift.step
    buckets = {START + number * drift.step: counts for number, counts in enumerate(hours)}
    scores = population.scores[np.concatenate(stream[-window:])]
    metrics = _check(population, references, buckets, scores)
    severities = {status.severity for status in evaluate_alerts(metrics, policy) if status.severity}
    drifted_features = [
        metric.feature
        for metric in metrics
        if metric.metric == "drifted" and metric.model_version == CHAMPION and metric.value
    ]
    baseline = {
        name: profile for name, profile in references.baseline.items() if name not in drift.ignore
    }
    share, drifted = _bare(baseline, hours[-window:])
    merged = [
        _bare(baseline, hours[first : last + 1])[0]
        for first, last in merged_buckets(hours[:-1], drift.rows, drift.severe.n)
    ]
    single = [_bare(baseline, [hour])[0] for hour in hours[-1 - drift.severe.n : -1]]
    bare = severity(share, drifted, merged, policy)
    hourly = severity(share, drifted, single, policy)
    return AlarmCounts(
        checks=1,
        severe="SEVERE" in severities,
        any=bool(severities),
        feature=bool(drifted_features),
        bare_severe=bare == "SEVERE",
        bare_any=bare is not None,
        bare_feature=drifted > 0,
        hourly_severe=hourly == "SEVERE",
        hourly_any=hourly is not None,
    )


def as_lived(reference: Path, seed: int) -> AlarmCounts:
    """Return the counts of hourly drift checks of another town, in the order of its payments.

    The checks cover the four weeks after those of its baseline, with nights, weekends and the same
    customers.
    """
    use_case = town(reference).use_case
    random = np.random.default_rng([seed, 2])
    alarm_counts = AlarmCounts()
    drift = use_case.policy.drift
    transactions = simulate(World(seed=100 + seed, start=START, days=56))
    population = _town(use_case, transactions)
    age = transactions.event_time - np.datetime64(START.replace(tzinfo=None))
    hour = (age / np.timedelta64(1, "h")).astype(int)
    before = int(np.searchsorted(hour, 28 * 24))
    past = Town(use_case, population.features[:before], population.scores[:before])
    references = past.profile(random)
    ends = np.searchsorted(hour[before:], np.arange(28 * 24 + 1, 56 * 24))
    stream = np.split(np.arange(before, len(hour)), ends)
    window = drift.window // drift.step
    reach = window * drift.severe.n
    for newest in range(window, len(stream)):
        recent = stream[max(0, newest - reach) : newest + 1]
        alarm_counts += _checked(population, references, recent)
    return alarm_counts


def detection_rates(reference: Path, repetitions: int, seed: int) -> dict[str, tuple[float, ...]]:
    """Return, by feature, how often it is called drifted if only it is shifted, by each of SHIFTS.

    The feature is shifted in the whole window. The rates of Sixgate come first, then those of the
    bare rule.
    """
    population = town(reference)
    random = np.random.default_rng([seed, 1])
    columns = _continuous_columns(population.use_case)
    detections = {name: np.zeros(2 * len(SHIFTS)) for _, name in columns}
    for _ in range(repetitions):
        references = population.profile(random)
        for (index, name), (number, shift) in product(columns, enumerate(SHIFTS)):
            rows = population.features[population.draw(SHIFTED, random)]
            rows[:, index] += shift * population.features[:, index].std()
            counts = _count(references.baseline, rows)
            metrics = _check(population, references, {START: counts}, np.empty(0))
            _, bare = _bare({name: references.baseline[name]}, [counts])
            detections[name][number] += any(
                metric.feature == name and metric.value
                for metric in metrics
                if metric.metric == "drifted"
            )
            detections[name][len(SHIFTS) + number] += bare
    return {name: tuple((times / repetitions).tolist()) for name, times in detections.items()}


def _continuous_columns(use_case: UseCase) -> list[tuple[int, str]]:
    """Return index and name of the columns that are neither ignored nor booleans or categories."""
    types = {feature.name: feature.type for feature in use_case.contract.features}
    return [
        (index, name)
        for index, name in enumerate(use_case.contract.columns)
        if name not in use_case.policy.drift.ignore and types.get(name) not in ("bool", "category")
    ]


def _check(
    population: Town,
    references: References,
    buckets: Mapping[datetime, Counts],
    scores: NDArray[np.float64],
) -> list[Metric]:
    """Return the metrics of a drift check one second before the newest bucket ends."""
    policy = population.use_case.policy
    drift = policy.drift
    now = max(buckets) + drift.step - timedelta(seconds=1)
    score_counts = ScoreCounts.of(scores, scores >= 0.5)
    traffic = TrafficCounts(buckets=buckets, scores={CHAMPION: score_counts})
    span = Span.at(now, drift.window, drift.step)
    return check_drift(
        check_id="bench",
        span=span,
        traffic=traffic,
        references=references,
        policy=policy,
        statistics=installed_statistics(),
    )


def _count(baseline: Mapping[str, Profile], rows: NDArray[np.float64]) -> Counts:
    return {
        name: np.array(count(rows[:, index], profile.edges))
        for index, (name, profile) in enumerate(baseline.items())
    }


def _bare(baseline: Mapping[str, Profile], parts: list[Counts]) -> tuple[float, int]:
    """Return share and number of features with a PSI above BARE, whatever the number of rows."""
    counts = add(parts)
    over = [
        psi(np.array(profile.counts), counts[name]) > BARE
        for name, profile in baseline.items()
        if counts[name].sum()
    ]
    return (sum(over) / len(over) if over else 0.0), sum(over)


@dataclass(frozen=True)
class Calibration:
    """False alarms by the number of rows a day and in other towns; detection rates by feature."""

    without_drift: dict[int, AlarmCounts]
    as_lived: AlarmCounts
    detection_rates: dict[str, tuple[float, ...]]

    def tables(self) -> Iterator[Table]:
        """Yield a table of the false alarms of all rules, and one of the detection rates."""
        yield self._false_alarms()
        title = f"Detection rate if only this feature is shifted, in {SHIFTED:,} rows"
        columns = [f"by {shift} sd{rule}" for rule in ("", f", PSI > {BARE}") for shift in SHIFTS]
        detections = Table("feature", *columns, box=None, title=title)
        for feature, rates in self.detection_rates.items():
            detections.add_row(feature, *(f"{rate:.1%}" for rate in rates))
        yield detections

    def _false_alarms(self) -> Table:
        table = Table(
            "rows a day",
            "rule",
            "checks",
            "a severe alert",
            "any alert",
            "any feature",
            box=None,
            title="Without drift: share of drift checks with",
        )
        streams = {f"{n:,}": counts for n, counts in self.without_drift.items()}
        streams["hours of a town"] = self.as_lived
        rules = {
            "Sixgate": "",
            f"PSI > {BARE}, same buckets": "bare_",
            f"PSI > {BARE}, single hours": "hourly_",
        }
        for (n, counts), (rule, prefix) in product(streams.items(), rules.items()):
            shares = [counts.share(prefix + kind) for kind in ("severe", "any", "feature")]
            cells = ["" if share is None else f"{share:.2%}" for share in shares]
            table.add_row(n, rule, f"{counts.checks:,}", *cells)
        return table

    def figures(self) -> dict[str, float]:
        """Return the false-alarm rates, the worst of all sizes, and the worst detection rate."""
        figures: dict[str, float] = {}
        for rule, kind in product(("", "bare_", "hourly_"), ("severe", "any", "feature")):
            as_lived = self.as_lived.share(rule + kind)
            if as_lived is not None:
                shares = [counts.share(rule + kind) for counts in self.without_drift.values()]
                figures[f"{rule}false_{kind}_max"] = max(share or 0.0 for share in shares)
                figures[f"{rule}false_{kind}_lived"] = as_lived
        half = SHIFTS.index(0.5)
        rates = self.detection_rates.values()
        figures[f"found_half_sd_n{SHIFTED}"] = min(rate[half] for rate in rates)
        figures[f"bare_found_half_sd_n{SHIFTED}"] = min(rate[len(SHIFTS) + half] for rate in rates)
        return figures


def calibrate(reference: Path, repetitions: int) -> Calibration:
    """Measure everything, on all processors."""
    parts = 4
    with ProcessPoolExecutor() as pool:
        rates = pool.submit(detection_rates, reference, SHIFT_REPETITIONS, parts)
        towns = [pool.submit(as_lived, reference, seed) for seed in range(TOWNS)]
        futures = [
            (n, pool.submit(without_drift, reference, n, -(-repetitions // parts), seed=seed))
            for n in sorted(SIZES, reverse=True)
            for seed in range(parts)
        ]
        by_size = dict.fromkeys(SIZES, AlarmCounts())
        for n, future in track(futures, "streams without drift", console=Console(stderr=True)):
            by_size[n] += future.result()
        in_towns = sum((future.result() for future in towns), AlarmCounts())
        return Calibration(by_size, in_towns, rates.result())
