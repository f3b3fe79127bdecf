"""`make bench-training`: what the train step finds on public data, and what a retraining costs beside one bare fit.

The public part wants `SIXGATE_PUBLIC_DATA` to name a folder with handbook_transactions.parquet, and is left out otherwise: a
week of the Fraud Detection Handbook trains, the week after next is held out, without cards known as compromised. At last, a
million rows are read out of the log.
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
from typing import Any

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
from stack.demo.simulator import World, simulate

USE_CASE = "fraud"
WEEKS = ("2018-07-25", "2018-07-11", "2018-07-18", "2018-08-08")  # the first is the Handbook's own
DAYS = 7  # of training, of the wait for labels, and of the test
PUBLISHED = (
    ("logistic regression", 0.871, 0.606), ("random forest", 0.867, 0.658), ("XGBoost", 0.862, 0.639),
)  # fmt: skip
ROWS, TREES, DEPTH, HOLDOUT = 1_000_000, 300, 6, 0.05
DAILY = 4400  # transactions of the simulated town, at least
STEPS = ("check_conditions", "validate_data", "train")
PARTS = ("handbook", "overhead", "log")
CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class Stage:
    """Where steps run: a folder with a database and an MLflow server of its own."""

    folder: Path
    settings: Settings

    def plain(self) -> Context:
        """A context of no run."""
        return context(self.settings, USE_CASE, "none", datetime.now(UTC))

    def run(
        self, run_id: str, snapshot: str, policy: dict[str, Any]
    ) -> tuple[Context, dict[str, float]]:
        """Run the steps on a snapshot as processes, under a policy overlay; returns their seconds, too."""
        overlay = self.folder / f"{run_id}.json"
        overlay.write_text(json.dumps(policy))  # JSON is YAML
        settings = self.settings.model_copy(update={"policy_overlay": overlay})
        wired = context(settings, USE_CASE, run_id, datetime.now(UTC))
        environment = os.environ | {
            "SIXGATE_HOME": str(settings.home), "SIXGATE_DATABASE_URL": settings.database_url,
            "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri, "SIXGATE_POLICY_OVERLAY": str(overlay),
        }  # fmt: skip
        seconds = {}
        for step in STEPS:
            CONSOLE.print(f"[dim]{run_id}: {step} …[/]")
            begun = time.monotonic()
            command = [
                sys.executable,
                "-m",
                "pipelines",
                "step",
                step,
                "--use-case",
                USE_CASE,
                "--run-id",
                run_id,
            ]
            params = json.dumps({"snapshot": snapshot})
            done = subprocess.run(
                [*command, "--params", params], env=environment, capture_output=True, text=True
            )
            if done.returncode:
                raise SystemExit(
                    f"{run_id}: {step} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}"
                )
            seconds[step] = time.monotonic() - begun
        return wired, seconds


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        folder = Path(name)
        with (
            temporary_services.database(folder) as (server, password),
            temporary_services.mlflow(folder, temporary_services.free_port()) as registry,
        ):
            url = server.url(password, "postgres")
            temporary_services.migrate(url, folder)
            os.environ |= temporary_services.sign_in(registry.passwords)
            yield Stage(
                folder,
                Settings(home=folder / "home", database_url=url, mlflow_tracking_uri=registry.uri),
            )


def handbook_week(transactions: pd.DataFrame, start: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Handbook's split: a week trains; of the week after next, cards without a fraud that was known by then are tested."""
    day, begin = transactions.TX_DATETIME.dt.normalize(), pd.Timestamp(start)
    train = transactions[(day >= begin) & (day < begin + timedelta(days=DAYS))]
    frauds = transactions[transactions.TX_FRAUD == 1]
    known, tested = set(train[train.TX_FRAUD == 1].CUSTOMER_ID), []
    for number in range(DAYS):
        today = begin + timedelta(days=2 * DAYS + number)
        learnt = frauds[frauds.TX_DATETIME.dt.normalize() == today - timedelta(days=DAYS + 1)]
        known |= set(learnt.CUSTOMER_ID)
        tested.append(transactions[(day == today) & ~transactions.CUSTOMER_ID.isin(known)])
    return train, pd.concat(tested)


def handbook(on: Stage, file: Path) -> Iterator[tuple[str, str, float, float]]:
    """Week, chosen kind, ROC-AUC and average precision on the test part, by the model that the train step registered."""
    transactions, plain = pq.read_table(file).to_pandas(), on.plain()
    for week in WEEKS:
        train, test = handbook_week(transactions, week)
        there = on.folder / f"{week}.parquet"
        pd.concat([train, test]).to_parquet(there)
        share = (len(test) - 0.5) / (
            len(train) + len(test)
        )  # so that exactly the test rows are held out
        snapshot = ingest(there, plain.use_case.contract, plain.artifacts).snapshot
        wired, _ = on.run(f"handbook-{week}", snapshot, {"evaluation": {"holdout": share}})
        decision = wired.decisions.of_run(USE_CASE, wired.run_id)
        assert decision.dataset is not None
        assert decision.challenger_version is not None
        rows = Frame.of(
            wired.artifacts.load("datasets", decision.dataset["holdout"]), wired.use_case.contract
        )
        if len(rows) != len(test) or int(rows.labels.sum()) != int(test.TX_FRAUD.sum()):
            raise SystemExit(
                f"{week}: {len(rows)} rows are held out, not the {len(test)} of the test part"
            )
        model = wired.models.get(USE_CASE, decision.challenger_version)
        scores = RegisteredModel(wired.settings, model, wired.use_case.contract).scores(
            rows.features
        )
        yield (
            week,
            model.kind,
            float(roc_auc_score(rows.labels, scores)),
            float(average_precision_score(rows.labels, scores)),
        )
        wired.close()


def compared(on: Stage, data: str) -> dict[str, float]:
    """The Handbook's weeks beside what was published, as a table; figures by week."""
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
    for week, kind, auc, precision in handbook(on, Path(data) / "handbook_transactions.parquet"):
        table.add_row(week, kind, f"{auc:.4f}", f"{precision:.4f}")
        key = "handbook" if week == WEEKS[0] else f"handbook_{week}"
        figures |= {f"{key}_roc_auc": auc, f"{key}_average_precision": precision}
    for name, auc, precision in PUBLISHED:
        table.add_row(WEEKS[0], f"published: {name}", f"{auc:.3f}", f"{precision:.3f}")
    Console().print(table)
    return figures


def overhead(on: Stage) -> dict[str, float]:
    """Seconds of a retraining on ROWS training rows outside search and fitting, beside those of one bare fit on them."""
    n = int(ROWS / (1 - HOLDOUT)) + 1
    world = simulate(
        World(seed=1, start=datetime(2024, 1, 1, tzinfo=UTC), days=n // DAILY + 1)
    ).take(np.arange(n))
    plain = on.plain()
    snapshot = plain.artifacts.save("snapshots", as_snapshot(world, plain.use_case.contract))
    wired, seconds = on.run(
        "million", snapshot, {"evaluation": {"holdout": HOLDOUT}, "training": {"budget": "PT1S"}}
    )
    decision = wired.decisions.of_run(USE_CASE, wired.run_id)
    assert decision.dataset is not None
    assert decision.challenger_version is not None
    mlflow.set_tracking_uri(on.settings.mlflow_tracking_uri)
    made = wired.models.get(USE_CASE, decision.challenger_version)
    fitting = mlflow.get_run(made.mlflow_run_id).data.metrics["fit_seconds"]
    rows = Frame.of(
        wired.artifacts.load("datasets", decision.dataset["train"]), wired.use_case.contract
    )
    features = rows.features.astype(np.float32)
    begun = time.monotonic()
    xgboost.XGBClassifier(
        n_estimators=TREES, max_depth=DEPTH, tree_method="hist", n_jobs=os.cpu_count()
    ).fit(features, rows.labels)
    bare = time.monotonic() - begun
    wired.close()
    outside = seconds["validate_data"] + seconds["train"] - fitting
    return {
        "rows": float(len(rows)), "validate_s": seconds["validate_data"], "train_s": seconds["train"], "fitting_s": fitting,
        "bare_fit_s": bare, "overhead_over_fit": outside / bare,
    }  # fmt: skip


def main() -> None:
    """Measure, print the tables, write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, help="one of the parts")
    parts = [only] if (only := parser.parse_args().only) else PARTS
    figures: dict[str, float] = {}
    with stage() as on:
        if "handbook" in parts:
            figures |= compared(on, os.environ.get("SIXGATE_PUBLIC_DATA", ""))
        if "overhead" in parts:
            figures |= overhead(on)
        if "log" in parts:
            CONSOLE.print("[dim]a million rows into the log, and out of it …[/]")
            figures |= log.measure(on.settings, USE_CASE)
    Console().print_json(data={name: round(value, 4) for name, value in figures.items()})
    out = Settings.load().home / "bench" / "training.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
