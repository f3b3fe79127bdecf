"""Measurements of several servers in turn, and what they say together."""

import statistics
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks.load import Result
from benchmarks.serving.target import Target

CONSOLE = Console(stderr=True)


def interleaved(
    targets: list[Target], rounds: int, ask: Callable[[Target], Result]
) -> dict[str, list[Result]]:
    """Measure the servers in turn, round by round, so that other load affects all of them alike."""
    results: dict[str, list[Result]] = {target.name: [] for target in targets}
    for number in range(rounds):
        for target in targets:
            CONSOLE.print(f"[dim]round {number + 1} of {rounds}: {target.name}[/]")
            results[target.name].append(ask(target))
    return results


def ratio(ours: list[Result], theirs: list[Result], of: str = "per_second") -> float:
    """Return the median over rounds of ours divided by theirs."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(getattr(our, of) / getattr(their, of) for our, their in pairs)


def show(
    table: Table, results: dict[str, list[Result]], concurrency: str, targets: list[Target]
) -> None:
    """Add a row per server with the medians over the rounds."""
    for target in targets:
        rounds = results[target.name]
        rate = statistics.median(result.per_second for result in rounds)
        p50 = statistics.median(result.p50 for result in rounds)
        p99 = statistics.median(result.p99 for result in rounds)
        processes = [target.process, *target.process.children(recursive=True)]
        rss = sum(process.memory_info().rss for process in processes)
        table.add_row(
            target.name,
            concurrency,
            f"{rate:,.0f}",
            f"{p50:.2f}",
            f"{p99:.2f}",
            f"{rss / 1e6:,.0f}",
        )
