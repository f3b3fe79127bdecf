"""`make bench-serving`: the speed of the scoring server, beside its framework and its peers.

All features of the scoring server are switched on.
"""

import argparse
import os

import msgspec
from rich.console import Console

from benchmarks.serving.bench import ALL, PIN, Bench, workspace
from benchmarks.serving.comparisons import measure
from pipelines.settings import Settings


def main() -> None:
    """Measure, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        default=4.0,
        help="seconds of each measurement",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        help="measurements of every server",
    )
    parser.add_argument(
        "--swaps",
        type=int,
        default=500,
        help="promotions under load",
    )
    parser.add_argument(
        "--no-peers",
        action="store_true",
        help="leave out `mlflow models serve` and MLServer",
    )
    arguments = parser.parse_args()
    if PIN:
        os.sched_setaffinity(0, ALL[1:])
    with workspace() as folder, Bench(folder) as bench:
        table, figures = measure(bench, arguments)
    Console().print(table)
    Console().print_json(data={name: round(value, 3) for name, value in figures.items()})
    out = Settings.load().home / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "serving.json").write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
