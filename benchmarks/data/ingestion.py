"""The speed and the memory of `sixgate ingest`, beside DuckDB with the same rules.

Each import runs in a process of its own: `python -m benchmarks.data.ingestion sixgate FILE FOLDER`.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.data.history import write_history
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

FEW_ROWS = 1_000_000
BYTES_PER_ROW = 350  # of the file, the snapshot, DuckDB's copy and the ids on disk
ROUNDS = 3
CONTRACT = ROOT / "reference" / "fraud"


def figures(rows: int) -> dict[str, float]:
    """Return rows per second, the ratio to DuckDB and the growth of memory.

    The ratio is the time of DuckDB divided by that of `sixgate ingest`, the smaller one of the CSV
    file and the public file. The files are written to a temporary folder and removed.
    """
    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        folder = Path(name)
        free = shutil.disk_usage(folder).free
        if free < rows * BYTES_PER_ROW:
            raise SystemExit(
                f"{folder} has {free >> 20:,} MB free, {rows * BYTES_PER_ROW >> 20:,} MB are "
                "needed: set TMPDIR, or give fewer --rows"
            )
        result = _of_csv(folder, rows)
        if public := os.environ.get("SIXGATE_PUBLIC_DATA"):
            result |= _of_handbook(Path(public) / "handbook_transactions.parquet", folder)
    ratios = [value for name, value in result.items() if name.startswith("ratio_duckdb_")]
    return result | {"ratio_duckdb": min(ratios)}


def _of_csv(folder: Path, rows: int) -> dict[str, float]:
    contract = read_contract(CONTRACT)
    file = folder / "history.csv"
    write_history(file, contract, FEW_ROWS)
    few_mb = median(_run("sixgate", file, folder)["rss_mb"] for _ in range(ROUNDS))
    write_history(file, contract, rows)
    many = _compared(file, folder)
    file.unlink()
    return {
        "ingest_rows": float(rows),
        "rows_per_s": rows / many["sixgate"],
        "duckdb_rows_per_s": rows / many["duckdb"],
        "ratio_duckdb_csv": many["ratio"],
        "rss_mb_1m": few_mb,
        "rss_mb": many["rss_mb"],
        "rss_growth": many["rss_mb"] / few_mb,
    }


def _of_handbook(file: Path, folder: Path) -> dict[str, float]:
    compared = _compared(file, folder)
    return {"ratio_duckdb_handbook": compared["ratio"], "handbook_s": compared["sixgate"]}


def _compared(file: Path, folder: Path) -> dict[str, float]:
    """Run both in turn; return the median seconds of each and the median memory of ours."""
    runs = [
        {program: _run(program, file, folder) for program in ("duckdb", "sixgate")}
        for _ in range(ROUNDS)
    ]
    return {
        "duckdb": median(run["duckdb"]["seconds"] for run in runs),
        "sixgate": median(run["sixgate"]["seconds"] for run in runs),
        "ratio": median(run["duckdb"]["seconds"] / run["sixgate"]["seconds"] for run in runs),
        "rss_mb": median(run["sixgate"]["rss_mb"] for run in runs),
    }


def _run(program: str, file: Path, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.data.ingestion", program, str(file), str(folder)]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        raise SystemExit(f"{program} failed: {process.stderr[-2000:]}")
    run: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    print(f"{program} {file.name}: {run}", file=sys.stderr)
    return run


def main() -> None:
    """Import a file once; print the seconds without the start of Python, and the peak memory."""
    program, file, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    contract = read_contract(CONTRACT)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        if program == "duckdb":
            from benchmarks.data.duckdb_import import import_with_duckdb

            start = time.monotonic()
            rows = import_with_duckdb(file, Path(out), contract)
        else:
            from pipelines.ingestion import ingest
            from pipelines.stores.artifacts import Artifacts

            start = time.monotonic()
            rows = ingest(file, contract, Artifacts(Path(out))).rows
        seconds = time.monotonic() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    run = {"rows": rows, "seconds": seconds, "rss_mb": usage.ru_maxrss / 1024}
    print(json.dumps(run | {"cpu_s": usage.ru_utime + usage.ru_stime}))


if __name__ == "__main__":
    main()
