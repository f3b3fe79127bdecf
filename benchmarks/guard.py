"""`make bench-guard`: how often a week of looks accuses a champion that is as good as promised, and finds one that is not.

A champion is judged on held-out rows of a binormal model with 5 % positives, as in bench-gates. Then predictions and labels
come for a week, and the guard looks again and again at all labels so far and at the flagged share of the last day.
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

POSITIVES, SEPARATION, THRESHOLD = 0.05, 1.8, 1.5
PROMISED, ARRIVING = (400, 1000, 5000), 5_000
LOOKS, REPETITIONS = 100, 200
WORSE = {"as promised": 1.8, "separation 1.5": 1.5, "separation 1.2": 1.2}
Draw = tuple[NDArray[np.int8], NDArray[np.float64]]


@dataclass(frozen=True)
class Case:
    """On how many rows a champion was judged, and how well it really separates."""

    promised: int
    separation: float


def draw(rng: np.random.Generator, n: int, separation: float) -> Draw:
    """Labels and scores (n,)."""
    labels = (rng.random(n) < POSITIVES).astype(np.int8)
    return labels, rng.normal(size=n) + separation * labels


def promise(drawn: Draw, policy: Policy) -> list[dict[str, object]]:
    """What the gates said of it."""
    labels, scores = drawn
    evidence = Evidence(
        labels=labels, challenger_scores=scores, challenger_flags=scores >= THRESHOLD, predictions=len(labels)
    )  # fmt: skip
    return [gate(evidence, policy.gates).as_dict() for gate in (recall, roc_auc)]


def accused(case: Case, policy: Policy, seed: int) -> bool:
    """Whether any look of the week finds the promise broken."""
    rng = np.random.default_rng([seed, case.promised])
    gates = promise(draw(rng, case.promised, SEPARATION), policy)
    labels, scores = draw(rng, ARRIVING, case.separation)
    flags = scores >= THRESHOLD
    for seen in np.linspace(ARRIVING / LOOKS, ARRIVING, LOOKS).astype(int):
        day = flags[max(0, seen - ARRIVING // 7) : seen]
        outcomes = ScoreCounts.of(1 / (1 + np.exp(-scores[:seen])), flags[:seen], labels[:seen])
        live = LivePerformance(predictions=len(day), flagged=float(day.sum()), outcomes=outcomes)
        if guard_violations(gates, live, policy):
            return True
    return False


def main() -> None:
    """Play all weeks, print the table, write the figures."""
    settings = Settings.load()
    policy = read_use_case(settings.reference, "fraud").policy
    title = f"accused within {LOOKS} looks at up to {ARRIVING:,} labels"
    table = Table("judged on", *WORSE, box=None, title=title)
    figures: dict[str, float] = {}
    with ProcessPoolExecutor() as pool:
        for promised in track(PROMISED, console=Console(stderr=True)):
            shares = []
            for name, separation in WORSE.items():
                week = partial(accused, Case(promised, separation), policy)
                shares.append(sum(pool.map(week, range(REPETITIONS), chunksize=10)) / REPETITIONS)
                figures[f"accused_{name.replace(' ', '_')}_{promised}"] = shares[-1]
            table.add_row(f"{promised:,}", *(f"{share:.1%}" for share in shares))
    Console().print(table)
    out = settings.home / "bench" / "guard.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
