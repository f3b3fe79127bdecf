"""`make bench-fuzz`: a million valid and invalid requests, and how many of them fail.

A request fails if the server gives it no response or a wrong one.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.fuzz.report import Report
from benchmarks.fuzz.sending import run
from benchmarks.fuzz.server import serving, tracebacks
from pipelines.settings import Settings
from stack.temporary_services import database, migrate


def main() -> None:
    """Send the requests, print the table and write the figures; exit code 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="send only the request with this number")
    arguments = parser.parse_args()
    numbers = range(arguments.requests) if arguments.only is None else [arguments.only]
    folder = Path(tempfile.mkdtemp(prefix="sixgate-fuzz-"))
    try:
        with database(folder, options=("-c", "fsync=off")) as (postgres, password):
            url = postgres.url(password, "postgres")
            migrate(url, folder / "home")
            with serving(folder, url) as (port, contracts):
                report = run(port, contracts, numbers, seed=arguments.seed)
        traceback_count = tracebacks(folder / "server.log")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(report, traceback_count)
    sys.exit(1 if report.failed or traceback_count else 0)


def show(report: Report, traceback_count: int) -> None:
    """Print the table and write the figures."""
    console = Console()
    title = f"{report.sent:,} requests, seed {report.seed}"
    table = Table("status", "responses", box=None, title=title)
    for status, count in sorted(report.statuses.items()):
        table.add_row(str(status), f"{count:,}")
    console.print(table)
    figures = {
        "requests": float(report.sent),
        "per_second": report.sent / report.seconds,
        "server_errors": float(report.server_errors),
        "failed": float(report.failed),
        "tracebacks": float(traceback_count),
    }
    if report.latencies:
        p50, p99 = np.percentile(report.latencies, [50, 99])
        figures |= {
            "predict_p50_ms": float(p50),
            "predict_p99_ms": float(p99),
            "predict_max_ms": max(report.latencies),
        }
    console.print_json(data={name: round(value, 3) for name, value in figures.items()})
    if report.failed:
        console.print(report.described(), markup=False)
    out = Settings.load().home / "bench" / "fuzz.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
