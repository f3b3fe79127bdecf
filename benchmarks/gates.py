"""`make bench-gates`: how often the six gates promote a model that is not better, and one that is.

Rows are drawn from two binormal models of a fixed separation. 5 % of the rows are positive; a model
observes noise, plus its separation if the row is positive, and the noise of the two models is
correlated. A model's score is the true probability given its observation; the log-odds of a
miscalibrated model are transformed first. Champion and challenger flag scores of 0.35 or more.
Equal models, and models that only differ in calibration, should hardly ever be promoted, and the
better model often.
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.evidence import table as paired
from pipelines.rules.gates.f1_gain import f1_gain
from pipelines.rules.gates.gates import judge
from pipelines.rules.gates.verdict import verdict
from pipelines.rules.use_case.policy_sections.gates import Gates
from pipelines.settings import Settings
from pipelines.use_case import read_use_case

POSITIVES = 0.05
THRESHOLD = 0.35
CHAMPION = 1.8  # separation
BETTER = 1.915  # separation
SIZES = (200, 1000, 5000)  # rows
CORRELATION = 0.9
OTHERS = (0.5, 0.98)  # other correlations
RESAMPLES = 2000  # of the bootstrap of F1, which is compared
RECALL = 0.2  # the shipped floor is above the recall of both models at 0.35, and would refuse both
Transform = Callable[[NDArray[np.float64]], NDArray[np.float64]]
TRANSFORMS: dict[str, Transform] = {
    "": lambda odds: odds,
    "half as sure": lambda odds: 0.6 * odds,
    "too sure": lambda odds: 1.6 * odds,
    "too low": lambda odds: odds - 0.8,
    "too high": lambda odds: odds + 0.8,
    "flattened": lambda odds: 1.3 * np.sign(odds) * np.abs(odds) ** 0.6,
    "stretched": lambda odds: 0.5 * np.sign(odds) * np.abs(odds) ** 1.5,
}


@dataclass(frozen=True)
class Case:
    """Two models and the number of rows.

    `champion` and `challenger` name the transform of their log-odds.
    """

    n: int
    separation: float = CHAMPION
    correlation: float = CORRELATION
    champion: str = ""
    challenger: str = ""

    @property
    def kind(self) -> str:
        """The kind of challenger: better, equal, or of another calibration."""
        if self.separation > CHAMPION:
            return "better"
        return "calibration" if self.champion or self.challenger else "equal"


@dataclass(frozen=True)
class Shares:
    """How often a challenger passes a rule.

    The rules are F1 alone, F1 with its bootstrap, the first gate, and all six gates.
    """

    bare: float
    bootstrap: float
    gate: float
    six: float


def cases() -> Iterator[Case]:
    """Yield all cases that are measured."""
    for n in SIZES:
        for correlation in (CORRELATION, *OTHERS):
            yield Case(n, correlation=correlation)
            yield Case(n, separation=BETTER, correlation=correlation)
        for transform in filter(None, TRANSFORMS):
            yield Case(n, champion=transform)
            yield Case(n, challenger=transform)


def draw(case: Case, seed: int) -> Evidence:
    """Draw the labelled rows of one repetition."""
    random = np.random.default_rng(seed)
    labels = (random.random(case.n) < POSITIVES).astype(np.int8)
    noise = random.normal(size=(2, case.n))
    noise[1] = case.correlation * noise[0] + np.sqrt(1 - case.correlation**2) * noise[1]
    champion = _score(noise[0], labels, CHAMPION, TRANSFORMS[case.champion])
    challenger = _score(noise[1], labels, case.separation, TRANSFORMS[case.challenger])
    return Evidence(
        labels=labels,
        challenger_scores=challenger,
        challenger_flags=challenger >= THRESHOLD,
        champion_scores=champion,
        champion_flags=champion >= THRESHOLD,
        predictions=case.n,
    )


def _score(
    noise: NDArray[np.float64],
    labels: NDArray[np.int8],
    separation: float,
    transform: Transform,
) -> NDArray[np.float64]:
    observation = noise + separation * labels
    prior = np.log(POSITIVES / (1 - POSITIVES))
    log_odds = prior + separation * observation - separation**2 / 2
    return np.asarray(1 / (1 + np.exp(-transform(log_odds))))


def measure(case: Case, repetitions: int, gates: Gates) -> Shares:
    """Judge the repetitions with the real gates; a gain of F1 below the floor fails every rule."""
    passed = np.zeros((repetitions, 4), bool)
    for seed in range(repetitions):
        evidence = draw(case, seed)
        if f1_gain(paired(evidence)) < gates.f1_improvement:
            continue
        results = judge(evidence, gates)
        first_gate = results[0]
        decided, _ = verdict(results)
        passed[seed] = (
            True,
            first_gate.low is not None and first_gate.low > 0,
            first_gate.outcome == "PASS",
            decided == "APPROVED",
        )
    return Shares(*passed.mean(axis=0).tolist())


def table(shares_of: dict[Case, Shares]) -> Table:
    """Return a table with a line per kind and size, with the worst of all miscalibrations."""
    rates = Table(
        "challenger",
        "noise",
        "rows",
        "F1 alone",
        "and its bootstrap",
        "first gate",
        "six gates",
        box=None,
        caption="* models that only differ in calibration: the worst of twelve miscalibrations",
    )
    kinds = ("equal", "calibration", "better")
    for kind, correlation, n in product(kinds, (CORRELATION, *OTHERS), SIZES):
        matching = [
            shares
            for case, shares in shares_of.items()
            if (case.kind, case.correlation, case.n) == (kind, correlation, n)
        ]
        if matching:
            worst = [
                max(getattr(shares, rule) for shares in matching)
                for rule in Shares.__dataclass_fields__
            ]
            name = "calibration *" if kind == "calibration" else kind
            cells = (f"{share:.1%}" for share in worst)
            rates.add_row(name, f"ρ = {correlation}", f"{n:,}", *cells)
    return rates


def figures(shares_of: dict[Case, Shares]) -> dict[str, float]:
    """Return the false promotions by the first gate, the worst of all sizes, and the true ones."""
    equal = [
        shares
        for case, shares in shares_of.items()
        if case.kind != "better" and case.correlation == CORRELATION
    ]
    better = shares_of[Case(SIZES[-1], separation=BETTER)]
    return {
        "equal_promoted_max": max(shares.gate for shares in equal),
        "bare_promoted_max": max(shares.bare for shares in equal),
        "better_promoted_n5000": better.six,
    }


def main() -> None:
    """Measure, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--repetitions",
        type=int,
        default=1000,
        help="repetitions of each case",
    )
    arguments = parser.parse_args()
    settings = Settings.load()
    shipped = read_use_case(settings.reference, "fraud").policy.gates
    gates = msgspec.structs.replace(shipped, recall=RECALL, resamples=RESAMPLES)
    shares_of: dict[Case, Shares] = {}
    with ProcessPoolExecutor() as pool:
        futures = {
            case: pool.submit(measure, case, arguments.repetitions, gates)
            for case in sorted(cases(), key=lambda case: -case.n)
        }
        for case, future in track(futures.items(), "judging", console=Console(stderr=True)):
            shares_of[case] = future.result()
    written = figures(shares_of)
    Console().print(table(shares_of))
    Console().print_json(data=written)
    out = settings.home / "bench" / "gates.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(written)))


if __name__ == "__main__":
    main()
