"""The scoring server compared with servers without a model, with itself, and with its peers."""

import argparse
import json
import statistics
from functools import partial

from rich.table import Table

from benchmarks.load import Result
from benchmarks.serving.bench import Bench
from benchmarks.serving.model_servers import mlflow, mlserver
from benchmarks.serving.rounds import interleaved, ratio, show
from benchmarks.serving.swaps import swaps
from benchmarks.serving.target import Target


def measure(bench: Bench, arguments: argparse.Namespace) -> tuple[Table, dict[str, float]]:
    """Return the table and the figures of one run."""
    seconds = arguments.seconds
    table = Table("server", "concurrency", "requests/s", "p50 ms", "p99 ms", "RSS MB", box=None)
    echo = bench.peer("echo")
    noop = bench.peer("noop")
    ours, ready = bench.ours()
    for target in (echo, noop, ours):
        target.ask(seconds=1.0)
    figures = {"ready_s": ready}
    figures |= measure_framework(table, echo, noop, ours, arguments=arguments)
    body = json.dumps({"rows": bench.rows})
    batches = [
        ours.ask(concurrency=1, seconds=seconds, bodies=[body], path=f"{ours.path}/batch")
        for _ in range(3)
    ]
    figures["batch_rows_per_s"] = 1000 * statistics.median(result.per_second for result in batches)
    figures["rss_mb"] = ours.process.memory_info().rss / 1e6
    figures |= measure_sync(table, bench, ours, seconds)
    if not arguments.no_peers:
        for start in (mlflow, mlserver):
            for peer in start(bench):
                figures |= measure_peer(table, peer, ours, seconds)
    failures, growth = swaps(bench, ours, arguments.swaps)
    figures["swap_failures"] = float(failures)
    return table, figures | growth


def measure_framework(
    table: Table, echo: Target, noop: Target, ours: Target, *, arguments: argparse.Namespace
) -> dict[str, float]:
    """Compare the scoring server with servers without a model."""
    seconds = arguments.seconds
    rounds = arguments.rounds
    targets = [echo, noop, ours]
    by: dict[int, dict[str, list[Result]]] = {}
    for concurrency in (1, 16, 64):
        ask = partial(Target.ask, concurrency=concurrency, seconds=seconds)
        by[concurrency] = interleaved(targets, rounds, ask)
        show(table, by[concurrency], str(concurrency), targets)
    rate = 0.6 * statistics.median(result.per_second for result in by[16]["noop"])
    ask = partial(Target.ask, concurrency=64, seconds=seconds, rate=rate)
    paced = interleaved([noop, ours], rounds, ask)
    show(table, paced, f"64, at {rate:,.0f}/s", [noop, ours])
    return {
        "ratio_noop": ratio(by[16]["sixgate"], by[16]["noop"]),
        "ratio_echo": ratio(by[16]["sixgate"], by[16]["echo"]),
        "ratio_noop_c1": ratio(by[1]["sixgate"], by[1]["noop"]),
        "p99_ratio_noop": ratio(paced["sixgate"], paced["noop"], "p99"),
    }


def measure_sync(table: Table, bench: Bench, ours: Target, seconds: float) -> dict[str, float]:
    """Compare the ways to write the journal to disk."""
    figures = {}
    modes = ("always", "never")
    targets = [ours]
    for mode in modes:
        target, _ = bench.ours(mode)
        targets.append(target)
    for concurrency in (1, 16):
        ask = partial(Target.ask, concurrency=concurrency, seconds=seconds)
        results = interleaved(targets, 2, ask)
        show(table, results, str(concurrency), targets[1:])
        for mode in modes:
            theirs = results[f"sixgate, sync {mode}"]
            figures[f"ratio_{mode}_c{concurrency}"] = ratio(theirs, results["sixgate"])
    return figures


def measure_peer(table: Table, peer: Target, ours: Target, seconds: float) -> dict[str, float]:
    """Compare the scoring server with another model server."""
    peer.ask(seconds=1.0)
    ask = partial(Target.ask, concurrency=16, seconds=seconds)
    results = interleaved([peer, ours], 2, ask)
    show(table, results, "16", [peer])
    for concurrency in (1, 64):
        once = peer.ask(concurrency=concurrency, seconds=seconds)
        show(table, {peer.name: [once]}, str(concurrency), [peer])
    name = peer.name.replace(" ", "_")
    return {f"ratio_{name}": ratio(results["sixgate"], results[peer.name])}
