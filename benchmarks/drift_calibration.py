"""How often the whole rule cries when nothing happened, and finds what did: a part of `make bench-drift`.

A stream without drift is drawn from a simulated town, baseline and traffic row by row and independently of each other. Each
repetition draws a new baseline, lays its bins, and lets a check look at the stream every hour, with n rows in a day's window.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipelines.records import Metric
from pipelines.rules import divergence
from pipelines.rules.alarms import alarms, severity
from pipelines.rules.binning import SCORE_BINS, Profile, count, profiles, score_bins
from pipelines.rules.check import References, Span, Traffic, check
from pipelines.rules.derive import Deriver
from pipelines.rules.drift import Counts, add
from pipelines.rules.performance import ALL, N, ScoreCounts
from pipelines.rules.reference import Reference
from pipelines.use_case import UseCase, read_use_case
from stack.world import World, simulate

SIZES, BASELINE_ROWS, JUDGED_ROWS = (200, 1000, 10_000), 30_000, 10_000
CHECKS = 4  # of each repetition, an hour apart
SHIFT, SHIFTED = 0.5, 1000  # standard deviations, and rows in the window
FOUND = 200  # repetitions of each
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
        training = Reference.of("bench", laid, rows, contributions=np.ones((1, rows.shape[1])), scores=scores)
        return References(baseline=laid, champion=CHAMPION, training=training)


@dataclass(frozen=True)
class Cries:
    """How many of the checks: raised a severe alert, any alert, or called any feature drifted; and so the bare rule."""

    checks: int = 0
    severe: int = 0
    any: int = 0
    feature: int = 0
    bare_severe: int = 0
    bare_any: int = 0
    bare_feature: int = 0

    def __add__(self, other: "Cries") -> "Cries":
        return Cries(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@lru_cache(maxsize=1)
def town(reference: Path) -> Town:
    """The simulated town; its scores are a fixed function of the features, about 5 % of them above a half."""
    use_case = read_use_case(reference, "fraud")
    transactions = simulate(World(seed=17, start=START, days=28))
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
        stream = [here.draw(size, random) for size in random.poisson(n / hours, hours * drift.severe.n + CHECKS)]
        for number in range(CHECKS):
            cries += _look(here, references, stream[number : len(stream) - CHECKS + number + 1])
    return cries


def _look(here: Town, references: References, stream: list[NDArray[np.int64]]) -> Cries:
    """One check of hours of rows, the newest last."""
    policy = here.use_case.policy
    drift, hours = policy.drift, [_count(references.baseline, here.features[rows]) for rows in stream]
    window = drift.window // drift.step
    buckets = {START + at * drift.step: counts for at, counts in enumerate(hours)}
    figures = _check(here, references, buckets, here.scores[np.concatenate(stream[-window:])])
    cried = {alarm.severity for alarm in alarms(figures, policy) if alarm.severity}
    feature = any(m.value for m in figures if m.metric == "drifted" and m.model_version == CHAMPION)
    share, drifted = _bare(references.baseline, hours[-window:])
    bare = severity(share, drifted, [_bare(references.baseline, [hour])[0] for hour in hours[-drift.severe.n :]], policy)
    return Cries(1, "SEVERE" in cried, bool(cried), feature, bare == "SEVERE", bare is not None, drifted > 0)


def found(reference: Path, repetitions: int, seed: int) -> dict[str, tuple[float, float]]:
    """How often each feature is called drifted, and how often no other, when it alone is shifted in the whole window."""
    here, random = town(reference), np.random.default_rng([seed, 1])
    kinds = {feature.name: feature.type for feature in here.use_case.contract.features}
    shares = {}
    for at, name in enumerate(here.use_case.contract.columns):
        if name in here.use_case.policy.drift.ignore or kinds.get(name) in ("bool", "category"):
            continue
        seen = []
        for _ in range(repetitions):
            references, rows = here.profile(random), here.features[here.draw(SHIFTED, random)]
            rows[:, at] += SHIFT * here.features[:, at].std()
            buckets = {START: _count(references.baseline, rows)}
            seen.append(
                {m.feature for m in _check(here, references, buckets, np.empty(0)) if m.metric == "drifted" and m.value}
            )
        shares[name] = (sum(name in each for each in seen) / repetitions, sum(each == {name} for each in seen) / repetitions)
    return shares


def _check(
    here: Town, references: References, buckets: Mapping[datetime, Counts], scores: NDArray[np.float64]
) -> list[Metric]:  # fmt: skip
    """A check just before the newest bucket is full."""
    policy = here.use_case.policy
    span = Span.at(max(buckets) + policy.drift.step - timedelta(seconds=1), policy.drift.window, policy.drift.step)
    counted = ScoreCounts.empty()
    counted.sums[ALL, 0, :, N] = np.bincount(score_bins(scores), minlength=SCORE_BINS)
    return check("bench", span, Traffic(buckets=buckets, scores={CHAMPION: counted}), references, policy)


def _count(baseline: Mapping[str, Profile], rows: NDArray[np.float64]) -> Counts:
    return {name: np.array(count(rows[:, at], laid.edges)) for at, (name, laid) in enumerate(baseline.items())}


def _bare(baseline: Mapping[str, Profile], parts: list[Counts]) -> tuple[float, int]:
    """Share and number of features whose PSI is above BARE, whatever the number of rows."""
    counts = add(parts)
    over = [divergence.psi(np.array(laid.counts), counts[name]) > BARE for name, laid in baseline.items() if counts[name].sum()]
    return (sum(over) / len(over) if over else 0.0), sum(over)


def calibrate(reference: Path, repetitions: int) -> tuple[dict[int, Cries], dict[str, tuple[float, float]]]:
    """All of it, on every processor; cries by rows in the window, finds by shifted feature."""
    parts = 4
    with ProcessPoolExecutor() as pool:
        looking: dict[int, list[Future[Cries]]] = {
            n: [pool.submit(quiet, reference, n, -(-repetitions // parts), seed) for seed in range(parts)]
            for n in sorted(SIZES, reverse=True)
        }
        shifted = pool.submit(found, reference, FOUND, parts)
        waiting = [(n, future) for n, futures in looking.items() for future in futures]
        cries = dict.fromkeys(SIZES, Cries())
        for n, future in track(waiting, "streams without drift", console=Console(stderr=True)):
            cries[n] += future.result()
        return cries, shifted.result()


def tables(cries: Mapping[int, Cries], shifted: Mapping[str, tuple[float, float]]) -> Iterator[Table]:
    """For people: false alarms of both rules, and what is found of a shift."""
    quiet = Table("rows a day", "checks", "severe", "any alert", "any feature", box=None, title="Nothing happened")
    for name, prefix in (("Sixgate", ""), (f"PSI > {BARE}, nothing else", "bare_")):
        for n, seen in cries.items():
            shares = [f"{getattr(seen, prefix + kind) / seen.checks:.2%}" for kind in ("severe", "any", "feature")]
            quiet.add_row(f"{n:,}  {name}", f"{seen.checks:,}", *shares)
    yield quiet
    title = f"{SHIFT} standard deviations, {SHIFTED:,} rows"
    finds = Table("shifted feature", "found", "and no other", box=None, title=title)
    for feature, (share, alone) in shifted.items():
        finds.add_row(feature, f"{share:.1%}", f"{alone:.1%}")
    yield finds


def figures(cries: Mapping[int, Cries], shifted: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """The promises: the worst of all sizes, and of all features."""
    kinds = {"false_severe_max": "severe", "false_any_max": "any", "false_feature_max": "feature"}
    ours = {name: max(getattr(seen, kind) / seen.checks for seen in cries.values()) for name, kind in kinds.items()}
    bare = {f"bare_{name}": max(getattr(s, f"bare_{kind}") / s.checks for s in cries.values()) for name, kind in kinds.items()}
    return ours | bare | {f"found_half_sd_n{SHIFTED}": min(share for share, _ in shifted.values())}
