"""`make bench-guard`: the false-alarm rate and the power of the guard of a new champion.

A champion is judged on held-out rows of a binormal model with 5 % positives, as in bench-gates.
Then predictions and labels arrive for a week, and the guard repeatedly checks all labels so far and
the flagged share of the last day. An alarm for a champion that is as good as promised is false.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.gates import recall, roc_auc
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.promotion.champion_guard import LivePerformance, guard_violations
from pipelines.rules.use_case.policy import Policy
from pipelines.settings import Settings
from pipelines.use_case import read_use_case

POSITIVES = 0.05
SEPARATION = 1.8
THRESHOLD = 1.5
PROMISED = (400, 1000, 5000)  # rows of the decision
ARRIVING = 5_000  # labels of the week
CHECKS = 100  # of the week
REPETITIONS = 200
WORSE = {"as promised": 1.8, "separation 1.5": 1.5, "separation 1.2": 1.2}
Draw = tuple[NDArray[np.int8], NDArray[np.float64]]


@dataclass(frozen=True)
class Case:
    """The number of rows on which a champion was judged, and its real separation."""

    promised: int
    separation: float


def draw(rng: np.random.Generator, n: int, separation: float) -> Draw:
    """Return labels and scores (n,)."""
    labels = (rng.random(n) < POSITIVES).astype(np.int8)
    noise = rng.normal(size=n)
    return labels, noise + separation * labels


def promise(sample: Draw, policy: Policy) -> list[dict[str, object]]:
    """Return the results of the gates on which the guard is based."""
    labels, scores = sample
    evidence = Evidence(
        labels=labels,
        challenger_scores=scores,
        challenger_flags=scores >= THRESHOLD,
        predictions=len(labels),
    )
    return [gate(evidence, policy.gates).as_dict() for gate in (recall, roc_auc)]


def alarmed(case: Case, policy: Policy, seed: int) -> bool:
    """Return whether any check of the week raises an alarm."""
    rng = np.random.default_rng([seed, case.promised])
    gates = promise(draw(rng, case.promised, SEPARATION), policy)
    labels, scores = draw(rng, ARRIVING, case.separation)
    flags = scores >= THRESHOLD
    probabilities = 1 / (1 + np.exp(-scores))
    for n in np.linspace(ARRIVING / CHECKS, ARRIVING, CHECKS).astype(int):
        day = flags[max(0, n - ARRIVING // 7) : n]
        live = LivePerformance(
            predictions=len(day),
            flagged=float(day.sum()),
            outcomes=ScoreCounts.of(probabilities[:n], flags[:n], labels[:n]),
        )
        if guard_violations(gates, live, policy):
            return True
    return False


def main() -> None:
    """Simulate all weeks, print the table and write the figures."""
    settings = Settings.load()
    policy = read_use_case(settings.reference, "fraud").policy
    title = f"alarms within {CHECKS} checks of up to {ARRIVING:,} labels"
    table = Table("judged on", *WORSE, box=None, title=title)
    figures: dict[str, float] = {}
    with ProcessPoolExecutor() as pool:
        for promised in track(PROMISED, console=Console(stderr=True)):
            shares = []
            for name, separation in WORSE.items():
                week = partial(alarmed, Case(promised, separation), policy)
                alarms = sum(pool.map(week, range(REPETITIONS), chunksize=10))
                shares.append(alarms / REPETITIONS)
                figures[f"accused_{name.replace(' ', '_')}_{promised}"] = shares[-1]
            table.add_row(f"{promised:,}", *(f"{share:.1%}" for share in shares))
    Console().print(table)
    out = settings.home / "bench" / "guard.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
