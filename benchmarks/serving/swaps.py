"""Promotions under load."""

import threading
import time
from itertools import pairwise

import httpx

from benchmarks.load import Result
from benchmarks.serving.bench import Bench
from benchmarks.serving.target import Target


def swaps(bench: Bench, ours: Target, count: int) -> tuple[int, dict[str, float]]:
    """Promote two versions in turn under load; return failures, and growth of memory and handles.

    Memory settles first, as two models are loaded for a moment. Growth in the second half is a
    leak.
    """
    results: list[Result] = []
    load = threading.Thread(
        target=lambda: results.append(ours.ask(seconds=count * 0.06 + 2, strict=False))
    )
    memory = [ours.process.memory_info().rss]
    handles = ours.process.num_fds()
    load.start()
    for number in range(count):
        if number == count // 2:
            memory.append(ours.process.memory_info().rss)
        version = bench.versions[(number + 1) % 2]
        bench.promote(version)
        _wait_for_version(ours, version.version)
    load.join()
    memory.append(ours.process.memory_info().rss)
    settled, grown = ((after - before) / 1e6 for before, after in pairwise(memory))
    return results[0].failed, {
        "swap_rss_settling_mb": settled,
        "swap_rss_growth_mb": grown,
        "swap_handles_growth": float(ours.process.num_fds() - handles),
    }


def _wait_for_version(ours: Target, version: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        model = httpx.get(ours.address("/model"), headers=ours.headers).json()
        if model["version"] == version:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"version {version} was not served within 10 s after its promotion")
