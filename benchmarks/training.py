"""`make bench-training`: the quality of training on public data, and the cost of a retraining.

`SIXGATE_PUBLIC_DATA` names a folder with handbook_transactions.parquet; without it, the public data
is left out. The model is trained on a week of the Fraud Detection Handbook and tested on the week
after next, without the cards that were known as compromised by then. The cost of a retraining is
compared with that of one fit of the same model. The last part reads a million rows of the log.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import xgboost
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import log
from pipelines.context import Context, context
from pipelines.ingestion import ingest
from pipelines.rules.data.frame import Frame
from pipelines.settings import Settings
from pipelines.stores.registered_model import RegisteredModel
from stack import temporary_services
from stack.demo.shipped_baselines import as_snapshot
from stack.demo.simulator import Transactions, World, simulate

USE_CASE = "fraud"
WEEKS = ("2018-07-25", "2018-07-11", "2018-07-18", "2018-08-08")  # the first is the Handbook's own
DAYS = 7  # of training, of the wait for labels, and of the test
# Model, ROC-AUC, average precision.
PUBLISHED = (
    ("logistic regression", 0.871, 0.606),
    ("random forest", 0.867, 0.658),
    ("XGBoost", 0.862, 0.639),
)
ROWS = 1_000_000
TREES = 300
DEPTH = 6
HOLDOUT = 0.05
DAILY = 4400  # the least number of transactions of the simulated town
STEPS = ("check_conditions", "validate_data", "train")
PARTS = ("handbook", "overhead", "log")
CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class Stage:
    """A folder in which steps run, with its own database and MLflow server."""

    folder: Path
    settings: Settings

    def plain(self) -> Context:
        """Return a context without a run."""
        return context(self.settings, USE_CASE, "none", datetime.now(UTC))

    def run(
        self, run_id: str, snapshot: str, policy: dict[str, Any]
    ) -> tuple[Context, dict[str, float]]:
        """Run the steps on a snapshot under a policy overlay; return the context and their seconds.

        Each step runs in a separate process.
        """
        overlay = self.folder / f"{run_id}.json"
        overlay.write_text(json.dumps(policy))  # JSON is YAML
        settings = self.settings.model_copy(update={"policy_overlay": overlay})
        run_context = context(settings, USE_CASE, run_id, datetime.now(UTC))
        environment = os.environ | {
            "SIXGATE_HOME": str(settings.home),
            "SIXGATE_DATABASE_URL": settings.database_url,
            "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
            "SIXGATE_POLICY_OVERLAY": str(overlay),
        }
        params = json.dumps({"snapshot": snapshot})
        options = ["--use-case", USE_CASE, "--run-id", run_id, "--params", params]
        seconds = {}
        for step in STEPS:
            CONSOLE.print(f"[dim]{run_id}: {step} …[/]")
            start = time.monotonic()
            command = [sys.executable, "-m", "pipelines", "step", step, *options]
            process = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
            )
            if process.returncode:
                output = process.stdout[-2000:] + process.stderr[-2000:]
                raise SystemExit(f"{run_id}: {step} failed: {output}")
            seconds[step] = time.monotonic() - start
        return run_context, seconds


@contextmanager
def temporary_stage() -> Iterator[Stage]:
    """Yield a stage that is removed at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        folder = Path(name)
        with (
            temporary_services.database(folder) as (server, password),
            temporary_services.mlflow(folder, temporary_services.free_port()) as registry,
        ):
            url = server.url(password, "postgres")
            temporary_services.migrate(url, folder)
            os.environ |= temporary_services.sign_in(registry.passwords)
            settings = Settings(
                home=folder / "home",
                database_url=url,
                mlflow_tracking_uri=registry.uri,
            )
            yield Stage(folder, settings)


def handbook_week(transactions: pd.DataFrame, start: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training and the test rows of the Handbook's split.

    The training rows are those of a week. The test rows are those of the week after next, without
    the cards that had a fraud that was known by then.
    """
    day = transactions.TX_DATETIME.dt.normalize()
    first = pd.Timestamp(start)
    train = transactions[(day >= first) & (day < first + timedelta(days=DAYS))]
    frauds = transactions[transactions.TX_FRAUD == 1]
    compromised = set(train[train.TX_FRAUD == 1].CUSTOMER_ID)
    tests = []
    for number in range(DAYS):
        today = first + timedelta(days=2 * DAYS + number)
        newest_label = today - timedelta(days=DAYS + 1)
        compromised |= set(frauds[frauds.TX_DATETIME.dt.normalize() == newest_label].CUSTOMER_ID)
        is_compromised = transactions.CUSTOMER_ID.isin(compromised)
        tests.append(transactions[(day == today) & ~is_compromised])
    return train, pd.concat(tests)


class HandbookResult(NamedTuple):
    """The model that the train step registered for a week, and its quality on the test rows."""

    week: str
    kind: str
    roc_auc: float
    average_precision: float


def handbook(stage: Stage, file: Path) -> Iterator[HandbookResult]:
    """Train on each of the weeks and yield its result."""
    transactions = pq.read_table(file).to_pandas()
    plain = stage.plain()
    for week in WEEKS:
        train, test = handbook_week(transactions, week)
        week_file = stage.folder / f"{week}.parquet"
        pd.concat([train, test]).to_parquet(week_file)
        # Exactly the test rows are held out.
        holdout = (len(test) - 0.5) / (len(train) + len(test))
        snapshot = ingest(week_file, plain.use_case.contract, plain.artifacts).snapshot
        run, _ = stage.run(f"handbook-{week}", snapshot, {"evaluation": {"holdout": holdout}})
        yield _handbook_result(run, week, test)
        run.close()


def _handbook_result(run: Context, week: str, test: pd.DataFrame) -> HandbookResult:
    contract = run.use_case.contract
    decision = run.decisions.of_run(USE_CASE, run.run_id)
    assert decision.dataset is not None
    assert decision.challenger_version is not None
    rows = Frame.of(run.artifacts.load("datasets", decision.dataset["holdout"]), contract)
    if len(rows) != len(test) or int(rows.labels.sum()) != int(test.TX_FRAUD.sum()):
        raise SystemExit(f"{week}: {len(rows)} rows are held out, not the {len(test)} test rows")
    model = run.models.get(USE_CASE, decision.challenger_version)
    scores = RegisteredModel(run.settings, model, contract).scores(rows.features)
    return HandbookResult(
        week=week,
        kind=model.kind,
        roc_auc=float(roc_auc_score(rows.labels, scores)),
        average_precision=float(average_precision_score(rows.labels, scores)),
    )


def compared(stage: Stage, data: str) -> dict[str, float]:
    """Print the Handbook's weeks beside published results, and return the figures by week."""
    if not data:
        CONSOLE.print(
            "[yellow]SIXGATE_PUBLIC_DATA is not set: the Handbook's weeks are left out[/]"
        )
        return {}
    figures: dict[str, float] = {}
    table = Table(
        "trained from",
        "chosen",
        "ROC-AUC",
        "average precision",
        box=None,
        title="Fraud Detection Handbook",
    )
    for result in handbook(stage, Path(data) / "handbook_transactions.parquet"):
        week, kind, auc, precision = result
        table.add_row(week, kind, f"{auc:.4f}", f"{precision:.4f}")
        key = "handbook" if week == WEEKS[0] else f"handbook_{week}"
        figures[f"{key}_roc_auc"] = auc
        figures[f"{key}_average_precision"] = precision
    for name, auc, precision in PUBLISHED:
        table.add_row(WEEKS[0], f"published: {name}", f"{auc:.3f}", f"{precision:.3f}")
    Console().print(table)
    return figures


def overhead(stage: Stage) -> dict[str, float]:
    """Return the seconds of a retraining outside search and fitting, and those of one plain fit.

    Both use ROWS training rows.
    """
    plain = stage.plain()
    history = as_snapshot(_history(), plain.use_case.contract)
    snapshot = plain.artifacts.save("snapshots", history)
    policy = {"evaluation": {"holdout": HOLDOUT}, "training": {"budget": "PT1S"}}
    run, seconds = stage.run("million", snapshot, policy)
    decision = run.decisions.of_run(USE_CASE, run.run_id)
    assert decision.dataset is not None
    assert decision.challenger_version is not None
    mlflow.set_tracking_uri(stage.settings.mlflow_tracking_uri)
    model = run.models.get(USE_CASE, decision.challenger_version)
    fitting = mlflow.get_run(model.mlflow_run_id).data.metrics["fit_seconds"]
    table = run.artifacts.load("datasets", decision.dataset["train"])
    rows = Frame.of(table, run.use_case.contract)
    bare = _fit_seconds(rows)
    run.close()
    outside = seconds["validate_data"] + seconds["train"] - fitting
    return {
        "rows": float(len(rows)),
        "validate_s": seconds["validate_data"],
        "train_s": seconds["train"],
        "fitting_s": fitting,
        "bare_fit_s": bare,
        "overhead_over_fit": outside / bare,
    }


def _history() -> Transactions:
    """Return simulated transactions of which ROWS are left for training after the holdout."""
    n = int(ROWS / (1 - HOLDOUT)) + 1
    world = World(seed=1, start=datetime(2024, 1, 1, tzinfo=UTC), days=n // DAILY + 1)
    return simulate(world).take(np.arange(n))


def _fit_seconds(rows: Frame) -> float:
    """Return the seconds of one fit of XGBoost on all rows."""
    features = rows.features.astype(np.float32)
    start = time.monotonic()
    model = xgboost.XGBClassifier(
        n_estimators=TREES,
        max_depth=DEPTH,
        tree_method="hist",
        n_jobs=os.cpu_count(),
    )
    model.fit(features, rows.labels)
    return time.monotonic() - start


def main() -> None:
    """Measure, print the tables and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, help="run only this part")
    only = parser.parse_args().only
    parts = [only] if only else PARTS
    figures: dict[str, float] = {}
    with temporary_stage() as stage:
        if "handbook" in parts:
            figures |= compared(stage, os.environ.get("SIXGATE_PUBLIC_DATA", ""))
        if "overhead" in parts:
            figures |= overhead(stage)
        if "log" in parts:
            CONSOLE.print("[dim]writing a million rows to the log and reading them …[/]")
            figures |= log.measure(stage.settings, USE_CASE)
    Console().print_json(data={name: round(value, 4) for name, value in figures.items()})
    out = Settings.load().home / "bench" / "training.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
