"""The speed and the memory of `sixgate score`, beside bare ONNX Runtime on a ready matrix.

Prints JSON. `ratio_bare_predict` is the number of rows that are read, checked, scored and written
per second, divided by those that ONNX Runtime alone scores per second: the same graph, the same
rows as a float32 matrix in memory, in calls of BARE_ROWS rows, with all processors. It is the
smaller one of CSV and Parquet. Counted is the whole stream of the command, from opening the file
to renaming the scored file; the start of Python and loading the model are not. Each measurement
is a process of its own, and the two are measured in turn.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.peers import FEATURES
from pipelines.batch_scoring.file_scoring import score_rows
from pipelines.batch_scoring.files.formats import open_rows, scored_file
from pipelines.batch_scoring.serving_model import BatchModel
from pipelines.rules.batch_scoring.scored_rows import RowScorer
from pipelines.rules.model.bundle import FILES, digest
from pipelines.rules.model.verification import prove
from pipelines.stores.artifacts import Artifacts
from pipelines.use_case import read_contract

USE_CASE = "bench"
BARE_ROWS = 4096
PART = 100_000
ROUNDS = 3
SIZES = (100_000, 1_000_000, 5_000_000)
SPEED_ROWS = 1_000_000
KINDS = ("csv", "parquet")


def figures(sizes: list[int], rounds: int) -> dict[str, float]:
    """Return rows per second, the ratio to bare ONNX Runtime, and peak memory by size."""
    from benchmarks.bench_model import fit, write_contract, write_version  # XGBoost's memory

    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        folder = Path(name)
        write_contract(folder / "reference")
        write_version(folder / "models", folder / "reference", fit(1), 1)
        for kind in KINDS:
            result |= _speed(folder, kind, min(SPEED_ROWS, max(sizes)), rounds)
            result |= _memory(folder, kind, sizes)
    ratios = [result[f"ratio_bare_predict_{kind}"] for kind in KINDS]
    growths = [result[f"memory_growth_{kind}"] for kind in KINDS]
    return {"ratio_bare_predict": min(ratios), "memory_growth": max(growths), **result}


def _speed(folder: Path, kind: str, rows: int, rounds: int) -> dict[str, float]:
    file = folder / f"rows.{kind}"
    write_rows(file, rows)
    pairs = [(_run("bare", file, rows), _run("score", file, rows)) for _ in range(rounds)]
    file.unlink()
    return {
        f"rows_per_s_{kind}": median(rows / scored["seconds"] for _, scored in pairs),
        f"bare_rows_per_s_{kind}": median(rows / bare["seconds"] for bare, _ in pairs),
        f"bare_one_thread_rows_per_s_{kind}": median(
            rows / bare["one_thread_seconds"] for bare, _ in pairs
        ),
        f"ratio_bare_predict_{kind}": median(
            bare["seconds"] / scored["seconds"] for bare, scored in pairs
        ),
    }


def _memory(folder: Path, kind: str, sizes: list[int]) -> dict[str, float]:
    peaks = {}
    for rows in sizes:
        file = folder / f"rows.{kind}"
        write_rows(file, rows)
        peaks[rows] = _run("score", file, rows)["rss_mb"]
        file.unlink()
    named = {f"rss_mb_{kind}_{rows}": peak for rows, peak in peaks.items()}
    return {**named, f"memory_growth_{kind}": max(peaks.values()) / peaks[min(sizes)]}


def _run(what: str, file: Path, rows: int) -> dict[str, float]:
    command = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.batch_scoring", what]
    process = subprocess.run([*command, str(file)], capture_output=True, text=True)
    if process.returncode:
        end = process.stderr[-2000:]
        raise SystemExit(f"{what} {file.name} ended with {process.returncode}: {end}")
    run: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    print(f"{what} {file.name}, {rows:,} rows: {run}", file=sys.stderr)
    return run


def write_rows(file: Path, rows: int) -> None:
    """Write rows with an id, an entity, a time and thirty features of four decimals."""
    writer: pq.ParquetWriter | pyarrow.csv.CSVWriter | None = None
    for first in range(0, rows, PART):
        table = _part(first, min(PART, rows - first))
        if writer is None:
            make = pyarrow.csv.CSVWriter if file.suffix == ".csv" else pq.ParquetWriter
            writer = make(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _part(first: int, rows: int) -> pa.Table:
    from benchmarks.bench_model import draw

    numbers = np.arange(first, first + rows)
    features, _ = draw(rows, seed=first + 1)
    columns = {
        "transaction_id": pa.array(numbers).cast(pa.string()),
        "entity": pa.array(numbers % 5000).cast(pa.string()),
        "at": pa.array(np.datetime64("2026-01-01", "us") + numbers * 1_000_000),
    }
    for index, name in enumerate(FEATURES):
        columns[name] = pa.array(np.round(features[:, index].astype(np.float64), 4))
    return pa.table(columns)


def score(file: Path) -> dict[str, float]:
    """Score a file once; return the seconds and the peak memory."""
    folder = file.parent
    contract = read_contract(folder / "reference" / USE_CASE)
    version = folder / "models" / USE_CASE / "1"
    files = {name: (version / name).read_bytes() for name in FILES}
    bundle, scorer = prove(files, contract, version=1, named=digest(files))
    model = BatchModel(1, contract, RowScorer(contract, bundle, scorer, contract))
    start = time.monotonic()
    out, form = scored_file(file, out=None, form=None)
    rows = open_rows(file, contract, contract.csv)
    scored = score_rows(rows, model, Artifacts(folder / "artifacts"), out, form)
    seconds = time.monotonic() - start
    out.unlink()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rows": scored.rows,
        "refused": scored.refused,
        "seconds": seconds,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rss_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Return the peak memory of this process; that of getrusage includes the process before it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak) / 1024


def bare(file: Path) -> dict[str, float]:
    """Score the same rows as a matrix in memory, with all processors and with one thread."""
    table = pq.read_table(file) if file.suffix == ".parquet" else pyarrow.csv.read_csv(file)
    matrix = np.column_stack([table[name].to_numpy() for name in FEATURES]).astype(np.float32)
    del table
    graph = file.parent / "models" / USE_CASE / "1" / "model.onnx"
    return {
        "seconds": _seconds(graph, matrix, threads=0),
        "one_thread_seconds": _seconds(graph, matrix, threads=1),
    }


def _seconds(graph: Path, matrix: np.ndarray, *, threads: int) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    session.run(["score"], {"features": matrix[:BARE_ROWS]})
    start = time.monotonic()
    for first in range(0, len(matrix), BARE_ROWS):
        session.run(["score"], {"features": matrix[first : first + BARE_ROWS]})
    return time.monotonic() - start


def main() -> None:
    """Run the benchmark, or one of its processes."""
    if sys.argv[1:2] in (["score"], ["bare"]):
        run = score if sys.argv[1] == "score" else bare
        print(json.dumps(run(Path(sys.argv[2]))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    print(json.dumps(figures(arguments.sizes, arguments.rounds), indent=2))


if __name__ == "__main__":
    main()
