"""How often the whole rule cries when nothing happened, and finds what did: a part of `make bench-drift`.

A stream without drift is drawn from a simulated town, baseline and traffic row by row and independently of each other. Each
repetition draws a new baseline, lays its bins, and lets a check look at the stream every hour, with n rows in a day's window.
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
from pipelines.rules.monitoring.feature_drift import Counts, add, merged_buckets
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.statistics import divergence
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.use_case import UseCase, read_use_case
from stack.demo.simulator import Transactions, World, simulate

SIZES, BASELINE_ROWS, JUDGED_ROWS = (200, 1000, 10_000), 30_000, 10_000
CHECKS = 4  # of each repetition, an hour apart
SHIFTS, SHIFTED = (0.25, 0.5), 1000  # standard deviations, and rows in the window
FOUND, TOWNS = 200, 4  # repetitions of each shift; other towns
BARE = 0.15  # PSI above which the rule beside ours calls a feature drifted
START = datetime(2026, 1, 5, tzinfo=UTC)
CHAMPION = 1


@dataclass(frozen=True)
class Town:
    """Who is drawn: rows (n, columns) of four weeks without drift, and a score for each."""

    use_case: UseCase
    features: NDArray[np.float64]
    scores: NDArray[np.float64]

    def draw(self, n: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Positions of n rows, independently of each other."""
        return random.integers(0, len(self.features), n)

    def profile(self, random: np.random.Generator) -> References:
        """A new baseline, which the champion was trained on."""
        rows = self.features[self.draw(BASELINE_ROWS, random)]
        laid = profiles(rows, self.use_case.contract)
        scores = self.scores[self.draw(JUDGED_ROWS, random)]
        training = Reference.of(
            "bench", laid, rows, contributions=np.ones((1, rows.shape[1])), scores=scores
        )
        return References(baseline=laid, champion=CHAMPION, training=training)


@dataclass(frozen=True)
class Cries:
    """How many of the checks: raised a severe alert, any alert, or called any feature drifted.

    So by Sixgate, by the bare rule on the same steps and features, and by the bare rule on single hours, whatever they hold.
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

    def __add__(self, other: "Cries") -> "Cries":
        return Cries(
            *(getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        )


@lru_cache(maxsize=1)
def town(reference: Path) -> Town:
    """The simulated town of whose rows streams are drawn."""
    return _town(read_use_case(reference, "fraud"), simulate(World(seed=17, start=START, days=28)))


def _town(use_case: UseCase, transactions: Transactions) -> Town:
    """Its scores are a fixed function of the features, about 5 % of them above a half."""
    raw = np.column_stack([transactions.features[name] for name in use_case.contract.raw])
    features = np.ascontiguousarray(Deriver(use_case.contract)(raw))
    odds = ((features - features.mean(axis=0)) / features.std(axis=0)).mean(axis=1)
    odds = 1.5 * (odds - np.quantile(odds, 0.95)) / odds.std()
    return Town(use_case, features, 1 / (1 + np.exp(-odds)))


def quiet(reference: Path, n: int, repetitions: int, seed: int) -> Cries:
    """Checks of streams in which nothing changes."""
    here, random, cries = town(reference), np.random.default_rng([seed, n]), Cries()
    drift = here.use_case.policy.drift
    hours = drift.window // drift.step
    for _ in range(repetitions):
        references = here.profile(random)
        stream = [
            here.draw(size, random)
            for size in random.poisson(n / hours, hours * drift.severe.n + CHECKS)
        ]
        for number in range(CHECKS):
            cries += _look(here, references, stream[number : len(stream) - CHECKS + number + 1])
    return cries


def _look(here: Town, references: References, stream: list[NDArray[np.int64]]) -> Cries:
    """One check of hours of rows, the newest last."""
    policy = here.use_case.policy
    drift, hours = (
        policy.drift,
        [_count(references.baseline, here.features[rows]) for rows in stream],
    )
    window = drift.window // drift.step
    buckets = {START + at * drift.step: counts for at, counts in enumerate(hours)}
    figures = _check(here, references, buckets, here.scores[np.concatenate(stream[-window:])])
    cried = {status.severity for status in evaluate_alerts(figures, policy) if status.severity}
    feature = any(m.value for m in figures if m.metric == "drifted" and m.model_version == CHAMPION)
    laid = {
        name: profile for name, profile in references.baseline.items() if name not in drift.ignore
    }
    share, drifted = _bare(laid, hours[-window:])
    merged = [
        _bare(laid, hours[first : last + 1])[0]
        for first, last in merged_buckets(hours[:-1], drift.rows, drift.severe.n)
    ]
    single = [_bare(laid, [hour])[0] for hour in hours[-1 - drift.severe.n : -1]]
    bare, hourly = (
        severity(share, drifted, merged, policy),
        severity(share, drifted, single, policy),
    )
    return Cries(
        1, "SEVERE" in cried, bool(cried), feature, bare == "SEVERE", bare is not None, drifted > 0,
        hourly == "SEVERE", hourly is not None,
    )  # fmt: skip


def lived(reference: Path, seed: int) -> Cries:
    """Checks of another town, hour by hour for four weeks after those of its baseline: nights, weekends, the same customers."""
    use_case, random, cries = town(reference).use_case, np.random.default_rng([seed, 2]), Cries()
    drift = use_case.policy.drift
    transactions = simulate(World(seed=100 + seed, start=START, days=56))
    here = _town(use_case, transactions)
    hour = (
        (transactions.event_time - np.datetime64(START.replace(tzinfo=None)))
        / np.timedelta64(1, "h")
    ).astype(int)
    before = int(np.searchsorted(hour, 28 * 24))
    references = Town(use_case, here.features[:before], here.scores[:before]).profile(random)
    stream = np.split(
        np.arange(before, len(hour)),
        np.searchsorted(hour[before:], np.arange(28 * 24 + 1, 56 * 24)),
    )
    reach = drift.window // drift.step * drift.severe.n
    for newest in range(drift.window // drift.step, len(stream)):
        cries += _look(here, references, stream[max(0, newest - reach) : newest + 1])
    return cries


def found(reference: Path, repetitions: int, seed: int) -> dict[str, tuple[float, ...]]:
    """Of each feature: how often it is called drifted when it alone is shifted in the whole window, by each of SHIFTS.

    First by Sixgate, then by the bare rule.
    """
    here, random = town(reference), np.random.default_rng([seed, 1])
    kinds = {feature.name: feature.type for feature in here.use_case.contract.features}
    names = [
        (at, name)
        for at, name in enumerate(here.use_case.contract.columns)
        if name not in here.use_case.policy.drift.ignore
        and kinds.get(name) not in ("bool", "category")
    ]
    times = {name: np.zeros(2 * len(SHIFTS)) for _, name in names}
    for _ in range(repetitions):
        references = here.profile(random)
        for (at, name), (number, shift) in product(names, enumerate(SHIFTS)):
            rows = here.features[here.draw(SHIFTED, random)]
            rows[:, at] += shift * here.features[:, at].std()
            counts = _count(references.baseline, rows)
            checked = _check(here, references, {START: counts}, np.empty(0))
            times[name][number] += any(
                m.feature == name and m.value for m in checked if m.metric == "drifted"
            )
            times[name][len(SHIFTS) + number] += _bare({name: references.baseline[name]}, [counts])[
                1
            ]
    return {name: tuple((counted / repetitions).tolist()) for name, counted in times.items()}


def _check(
    here: Town, references: References, buckets: Mapping[datetime, Counts], scores: NDArray[np.float64]
) -> list[Metric]:  # fmt: skip
    """A check just before the newest bucket is full."""
    policy = here.use_case.policy
    span = Span.at(
        max(buckets) + policy.drift.step - timedelta(seconds=1),
        policy.drift.window,
        policy.drift.step,
    )
    counted = ScoreCounts.of(scores, scores >= 0.5)
    return check_drift(
        "bench",
        span,
        TrafficCounts(buckets=buckets, scores={CHAMPION: counted}),
        references,
        policy,
    )


def _count(baseline: Mapping[str, Profile], rows: NDArray[np.float64]) -> Counts:
    return {
        name: np.array(count(rows[:, at], laid.edges))
        for at, (name, laid) in enumerate(baseline.items())
    }


def _bare(baseline: Mapping[str, Profile], parts: list[Counts]) -> tuple[float, int]:
    """Share and number of features whose PSI is above BARE, whatever the number of rows."""
    counts = add(parts)
    over = [
        divergence.psi(np.array(laid.counts), counts[name]) > BARE
        for name, laid in baseline.items()
        if counts[name].sum()
    ]
    return (sum(over) / len(over) if over else 0.0), sum(over)


@dataclass(frozen=True)
class Calibration:
    """False alarms by the number of rows a day, and in other towns as they lived; finds by feature and shift."""

    quiet: dict[int, Cries]
    lived: Cries
    found: dict[str, tuple[float, ...]]

    def tables(self) -> Iterator[Table]:
        """For people: false alarms of both rules, and what is found of a shift."""
        title = "Nothing happened: share of checks with"
        quiet = Table(
            "rows a day",
            "rule",
            "checks",
            "a severe alert",
            "any alert",
            "any feature",
            box=None,
            title=title,
        )
        everything = {
            **{f"{n:,}": seen for n, seen in self.quiet.items()},
            "a town's own days": self.lived,
        }
        rules = {
            "Sixgate": "",
            f"PSI > {BARE}, same steps": "bare_",
            f"PSI > {BARE}, single hours": "hourly_",
        }
        for (n, seen), (rule, prefix) in product(everything.items(), rules.items()):
            shown = [getattr(seen, prefix + kind, None) for kind in ("severe", "any", "feature")]
            shares = ["" if each is None else f"{each / seen.checks:.2%}" for each in shown]
            quiet.add_row(n, rule, f"{seen.checks:,}", *shares)
        yield quiet
        title = f"Shifted alone, in {SHIFTED:,} rows: how often it is found"
        columns = [f"by {shift} sd{rule}" for rule in ("", f", PSI > {BARE}") for shift in SHIFTS]
        finds = Table("feature", *columns, box=None, title=title)
        for feature, shares_of in self.found.items():
            finds.add_row(feature, *(f"{share:.1%}" for share in shares_of))
        yield finds

    def figures(self) -> dict[str, float]:
        """The promises: the worst of all sizes, and of all features."""
        figures = {}
        for rule, kind in product(("", "bare_", "hourly_"), ("severe", "any", "feature")):
            if hasattr(self.lived, rule + kind):
                shares = [getattr(seen, rule + kind) / seen.checks for seen in self.quiet.values()]
                figures[f"{rule}false_{kind}_max"] = max(shares)
                figures[f"{rule}false_{kind}_lived"] = (
                    getattr(self.lived, rule + kind) / self.lived.checks
                )
        half = SHIFTS.index(0.5)
        figures[f"found_half_sd_n{SHIFTED}"] = min(shares[half] for shares in self.found.values())
        figures[f"bare_found_half_sd_n{SHIFTED}"] = min(
            shares[len(SHIFTS) + half] for shares in self.found.values()
        )
        return figures


def calibrate(reference: Path, repetitions: int) -> Calibration:
    """All of it, on every processor."""
    parts = 4
    with ProcessPoolExecutor() as pool:
        shifted = pool.submit(found, reference, FOUND, parts)
        towns = [pool.submit(lived, reference, seed) for seed in range(TOWNS)]
        looking = [
            (n, pool.submit(quiet, reference, n, -(-repetitions // parts), seed))
            for n in sorted(SIZES, reverse=True)
            for seed in range(parts)
        ]
        cries = dict.fromkeys(SIZES, Cries())
        for n, future in track(looking, "streams without drift", console=Console(stderr=True)):
            cries[n] += future.result()
        return Calibration(
            cries, sum((future.result() for future in towns), Cries()), shifted.result()
        )
