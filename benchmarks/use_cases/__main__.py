"""`make bench-use-cases`: the quality of use cases that `sixgate new` makes of public files.

`SIXGATE_PUBLIC_DATA` names the folder of the files. Each file is read under the
proposed contract, unedited. Sixgate trains as a retraining does, and is compared with five models
at their defaults on the same five folds.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.model_selection import StratifiedKFold

from benchmarks.environments import environment
from benchmarks.use_cases.ours import levels_gap, roc_auc_by_fold
from benchmarks.use_cases.tables import KNOWN, SEED, Known, PublicTable, read_table

FOLDS = 5
BASELINES = Path(__file__).with_name("baselines.py")
PACKAGES = ("catboost==1.2.8", "lightgbm==4.6.0", "pandas<3", "pyarrow", "scikit-learn", "xgboost")
CONSOLE = Console(stderr=True)


def main() -> None:
    """Measure, print a table, and write the figures."""
    parser = argparse.ArgumentParser(prog="make bench-use-cases", description=__doc__)
    parser.add_argument("--only", choices=[known.name for known in KNOWN] + ["levels"])
    parser.add_argument("--json", type=Path, default=Path("bench-use-cases.json"))
    arguments = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    figures: dict[str, Any] = {}
    if arguments.only in (None, "levels"):
        figures["levels_gap"] = levels_gap(threads)
        CONSOLE.print(f"levels_gap {figures['levels_gap']:+.4f}")
    data = os.environ.get("SIXGATE_PUBLIC_DATA")
    if not data:
        CONSOLE.print("[yellow]SIXGATE_PUBLIC_DATA is not set: public files are left out[/]")
    for known in KNOWN:
        if data and arguments.only in (None, known.name):
            figures |= measured(known, Path(data), threads)
    arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    CONSOLE.print(f"figures: {arguments.json}")


def measured(known: Known, data: Path, threads: int) -> dict[str, Any]:
    """Return the figures of one file."""
    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        work = Path(name)
        table = read_table(known, data, work)
        folds = folds_of(table)
        start = time.monotonic()
        ours = roc_auc_by_fold(table.rows, folds, threads)
        seconds = time.monotonic() - start
        others = baselines(table, folds, work)
    means = {name: float(np.mean(values)) for name, values in others.items()}
    best = max(means, key=lambda name: means[name])
    mean = float(np.mean(ours))
    _show(known.name, mean, means)
    CONSOLE.print(
        f"{known.name}: {len(table.rows):,} rows, {table.refused} refused; "
        f"five trainings took {seconds:.0f} s"
    )
    return {
        f"{known.name}_roc_auc": mean,
        f"{known.name}_gap": mean - means[best],
        f"{known.name}_best": best,
        f"{known.name}_by_fold": {"sixgate": ours} | others,
        f"{known.name}_refused": table.refused,
        f"{known.name}_seconds": seconds,
    }


def folds_of(table: PublicTable) -> np.ndarray:
    """Return the fold of each row."""
    folds = np.zeros(len(table.rows), int)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    labels = table.rows.labels
    for number, (_, judged) in enumerate(splitter.split(labels, labels)):
        folds[judged] = number
    return folds


def baselines(table: PublicTable, folds: np.ndarray, work: Path) -> dict[str, list[float]]:
    """Fit the five models in an environment of their own."""
    file = work / f"{table.name}.parquet"
    table.frame.assign(label=table.rows.labels, fold=folds).to_parquet(file)
    python = environment("tabular", *PACKAGES) / "python"
    command = [str(python), str(BASELINES), str(file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    results: dict[str, list[float]] = json.loads(done.stdout)
    return results


def _show(name: str, ours: float, others: dict[str, float]) -> None:
    table = Table("model", "ROC-AUC", title=f"{name}, mean of {FOLDS} folds")
    for model, roc_auc in sorted((others | {"sixgate": ours}).items(), key=lambda pair: -pair[1]):
        table.add_row(model, f"{roc_auc:.4f}")
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
