"""`make bench-explain`: the cost of explaining logged predictions, and one row on request.

The first is compared with the booster's own contributions and with a simple script.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import numpy as np
import psycopg
import xgboost
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import load
from pipelines.context import Context, context
from pipelines.rules.model.bundle import Calibration, explainer_file
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import FittedModel
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT, Settings
from pipelines.steps.retraining.train import register
from pipelines.stores.model_registry import Account
from pipelines.stores.predictions import time_of
from serving.journal.prediction_ids import uuid7
from serving.wire.row_types import example
from stack import temporary_services
from stack.demo.simulator import World, simulate

USE_CASE = "fraud"
ROWS = 100_000
TREES = 300
DEPTH = 6
FITTED = 60_000  # rows that the model is fitted to
SMALL = 10_000  # rows, for memory
LARGE = 200_000  # rows, for memory
RATE = 500.0  # requests per second
SECONDS = 6.0
ROUNDS = 3
PARTS = ("once", "batch")
DATABASE_OPTIONS = ("-c", "max_wal_size=4GB")
CONSOLE = Console(stderr=True)
EMPTY = """
TRUNCATE prediction_logs, explanations, explanation_watermarks, attribution_rollups;
DROP TABLE IF EXISTS shap_values
"""
FILL = """
COPY prediction_logs
    (scored_at, prediction_id, use_case, transaction_id, event_time, model_version, contract_hash,
     features, score, predicted_label, threshold, replica)
FROM STDIN
"""
BOTH = """
SELECT e.contributions, s.contributions
FROM explanations AS e JOIN shap_values AS s USING (prediction_id)
"""
PROMOTE = """
INSERT INTO promotions
    (promotion_id, use_case, to_version, to_digest, action, state, actor, reason)
VALUES (%s, %s, 1, %s, 'PROMOTE', %s, 'bench', 'bench')
"""
# `sixgate` that prints its peak memory at the end.
MEASURED = """
import sys
from pipelines.cli.app import main
def print_peak():
    with open("/proc/self/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    print("PEAK", peak.split()[1], file=sys.stderr)
sys.argv = ["sixgate", *sys.argv[1:]]
try:
    main()
finally:
    print_peak()
"""


class Bench:
    """A temporary database, registry and log, with one registered model."""

    def __init__(self, home: Path, database_url: str, mlflow_uri: str) -> None:
        overlay = home / "overlay.yaml"
        overlay.write_text("explanation: {select: all, sample: 1.0, limit: 1000000}\n")
        self.home = home
        self.settings = Settings(
            home=home / "home",
            database_url=database_url,
            mlflow_tracking_uri=mlflow_uri,
            policy_overlay=overlay,
            api_port=temporary_services.free_port(),
            api_key="bench",
        )
        self.environment = {
            **os.environ,
            "SIXGATE_HOME": str(self.settings.home),
            "SIXGATE_DATABASE_URL": database_url,
            "SIXGATE_MLFLOW_TRACKING_URI": mlflow_uri,
            "SIXGATE_POLICY_OVERLAY": str(overlay),
            "SIXGATE_USE_CASES": USE_CASE,
            "SIXGATE_API_PORT": str(self.settings.api_port),
            "SIXGATE_API_KEY": self.settings.api_key,
        }
        self.features, self.candidate = self._fit()
        run = self.context("train")
        account = Account(
            params={},
            metrics={},
            below=(),
            figures={},
            card="made for a benchmark",
        )
        register(
            run,
            self.candidate,
            self.features[:100],
            account=account,
            data_hash="none",
        )
        self.digest = run.models.get(USE_CASE, 1).digest
        run.close()
        fitted = self.candidate.fitted
        self.model = home / explainer_file(self.candidate.kind)
        self.model.write_bytes(fitted.estimator.save(fitted.model))

    def context(self, run_id: str) -> Context:
        """Return a new context."""
        return context(self.settings, USE_CASE, run_id, datetime.now(UTC))

    def fill(self, rows: int) -> NDArray[np.float64]:
        """Replace the log with this number of predictions; return their features (n, columns)."""
        positions = np.random.default_rng(rows).integers(0, len(self.features), rows)
        sample = self.features[positions]
        sample = sample * np.random.default_rng(rows + 1).uniform(0.9, 1.1, sample.shape)
        scores = self.candidate.score(sample.astype(np.float32))
        ids = [UUID(text) for text in uuid7(int((time.time() - 60) * 1000), rows)]
        run = self.context("fill")
        contract_hash = run.use_case.contract.hash
        with run.connection.transaction():
            run.connection.execute(EMPTY)
            with run.connection.cursor().copy(FILL) as copy:
                scored_at = time_of(ids[0])
                for id_, values, score in zip(ids, sample.tolist(), scores.tolist(), strict=True):
                    transaction = (scored_at, id_, USE_CASE, str(id_), scored_at)
                    prediction = (1, contract_hash, values, score, 0, 0.5, "bench")
                    copy.write_row(transaction + prediction)
        run.connection.execute("VACUUM ANALYZE prediction_logs")
        run.close()
        return sample

    def explain(self, run_id: str, workers: int) -> tuple[float, float]:
        """Plan, and explain the chunks; return the seconds, and the largest peak memory in MB.

        Each chunk is explained in a separate process, with `workers` processes at a time.
        """
        start = time.monotonic()
        chunks, plan_peak = self._step("plan", run_id, {})
        with ThreadPoolExecutor(workers) as pool:
            runs = list(pool.map(lambda chunk: self._step("explain", run_id, chunk), chunks))
        seconds = time.monotonic() - start
        results = [result for result, _ in runs]
        if any(result["failed"] for result in results):
            raise SystemExit(f"not every row was explained: {results}")
        return seconds, max([plan_peak, *(peak for _, peak in runs)])

    def _step(self, name: str, run_id: str, params: dict[str, Any]) -> tuple[Any, float]:
        """Run a step; return its result, and its peak memory in MB."""
        options = ["--run-id", run_id, "--params", json.dumps(params)]
        process = subprocess.run(
            [sys.executable, "-c", MEASURED, "step", name, *options],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if process.returncode:
            output = f"{process.stdout[-1000:]} {process.stderr[-1000:]}"
            raise SystemExit(f"step {name} failed: {output}")
        log = reversed(process.stderr.splitlines())
        peak = next(line for line in log if line.startswith("PEAK"))
        return json.loads(process.stdout.splitlines()[-1]), int(peak.split()[1]) / 1024

    def _fit(self) -> tuple[NDArray[np.float64], Candidate]:
        """Return a simulated town's features, and a model of 300 trees of depth 6.

        The labels have enough noise that the trees are full.
        """
        use_case = self.context("fit").use_case
        town = simulate(World(seed=23, start=datetime(2026, 1, 1, tzinfo=UTC), days=28))
        raw = np.column_stack([town.features[name] for name in use_case.contract.raw])
        features = Deriver(use_case.contract)(raw)
        random = np.random.default_rng(5)
        ranks = np.argsort(np.argsort(features, axis=0), axis=0) / len(features)
        margin = ranks @ random.normal(size=ranks.shape[1]) + random.normal(0, 0.5, len(ranks))
        labels = margin > np.quantile(margin, 0.8)
        fitted = random.permutation(len(features))[:FITTED]
        model = xgboost.XGBClassifier(
            n_estimators=TREES,
            max_depth=DEPTH,
            learning_rate=0.1,
            n_jobs=os.cpu_count(),
        )
        model.fit(features[fitted].astype(np.float32), labels[fitted])
        candidate = Candidate(
            fitted=FittedModel(XGBoostEstimator(), model),
            calibration=Calibration(0.9, 0.1),
            threshold=0.5,
            params={},
            metrics={},
        )
        return features, candidate


def by_booster(bench: Bench, features: NDArray[np.float64]) -> float:
    """Return the seconds of the booster's own contributions, in memory and on all cores."""
    booster = xgboost.Booster(model_file=bench.model)
    matrix = xgboost.DMatrix(features.astype(np.float32))
    start = time.monotonic()
    booster.predict(matrix, pred_contribs=True)
    return time.monotonic() - start


def by_script(bench: Bench) -> float:
    """Return the seconds of a simple script, from its start to its end."""
    start = time.monotonic()
    module = [sys.executable, "-m", "benchmarks.shap_script"]
    arguments = [bench.settings.database_url, str(bench.model)]
    subprocess.run(
        [*module, *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return time.monotonic() - start


def difference(bench: Bench) -> float:
    """Return the largest difference between our values and the script's, in log-odds."""
    with psycopg.connect(bench.settings.database_url) as connection:
        rows = connection.execute(BOTH).fetchall()
    ours, theirs = (np.array(side) for side in zip(*rows, strict=True))
    return float(np.abs(ours / bench.candidate.calibration.a - theirs).max())


def batch(bench: Bench, say: Callable[[str], None]) -> dict[str, float]:
    """Measure the rates of Sixgate and the others, then memory."""
    workers = os.cpu_count() or 1
    figures: dict[str, float] = {}
    features = bench.fill(ROWS)
    say(f"{ROWS:,} logged predictions, {TREES} trees of depth {DEPTH}")
    say(f"Sixgate, {workers} chunks at a time …")
    first, _ = bench.explain("ours-1", workers)
    say(f"{first:.1f} s; the booster's own contributions, on all cores …")
    booster = by_booster(bench, features)
    say(f"{booster:.1f} s; a script with shap.TreeExplainer …")
    script = by_script(bench)
    figures["difference_to_shap"] = difference(bench)
    say(f"{script:.1f} s; Sixgate again, on a new log …")
    bench.fill(ROWS)
    second, _ = bench.explain("ours-2", workers)
    ours = (first + second) / 2
    figures |= {
        "ratio_booster": booster / ours,
        "ratio_shap_script": script / ours,
        "rows_per_s": ROWS / ours,
        "booster_rows_per_s": ROWS / booster,
        "script_rows_per_s": ROWS / script,
    }
    say(f"{second:.1f} s; memory …")
    for rows, name in ((SMALL, "rss_10k_mb"), (LARGE, "rss_200k_mb")):
        bench.fill(rows)
        _, figures[name] = bench.explain(name, workers)
    figures["rss_growth_200k_over_10k"] = figures["rss_200k_mb"] / figures["rss_10k_mb"]
    return figures


def at_once(bench: Bench, say: Callable[[str], None]) -> dict[str, float]:
    """Measure one row on request from a running server, and how that slows down predictions."""
    body = _promote(bench)
    results: dict[str, list[load.Result]] = {
        "explain": [],
        "alone": [],
        "beside": [],
        "beside_explain": [],
    }
    with serving(bench):
        explain = _job(bench, "explain", body, concurrency=1, rate=0.0)
        predict = _job(bench, "predict", body, concurrency=16, rate=RATE)
        say("one row on request …")
        for _ in range(ROUNDS):
            results["explain"].append(load.run(explain))
            results["alone"].append(load.run(predict))
            beside = threading.Thread(
                target=lambda: results["beside_explain"].append(load.run(explain))
            )
            beside.start()
            results["beside"].append(load.run(predict))
            beside.join()
    failed = sum(result.failed for group in results.values() for result in group)
    if failed:
        raise SystemExit(f"{failed} requests failed: {results}")
    p50 = {name: median(result.p50 for result in group) for name, group in results.items()}
    p99 = {name: median(result.p99 for result in group) for name, group in results.items()}
    return {
        "explain_p50_ms": p50["explain"],
        "explain_p99_ms": p99["explain"],
        "explain_p99_beside_predict_ms": p99["beside_explain"],
        "predict_p50_ms": p50["alone"],
        "predict_p50_beside_explain_ms": p50["beside"],
        "predict_p99_ms": p99["alone"],
        "predict_p99_beside_explain_ms": p99["beside"],
        "ratio_predict_p50": p50["beside"] / p50["alone"],
        "ratio_predict_p99": p99["beside"] / p99["alone"],
    }


def _promote(bench: Bench) -> str:
    """Promote the model, and return a request body for it."""
    run = bench.context("promote")
    for state in ("INTENDED", "DONE"):
        run.connection.execute(PROMOTE, (uuid4(), USE_CASE, bench.digest, state))
    run.registry.point(USE_CASE, 1)
    body = json.dumps(example(run.use_case.contract))
    run.close()
    return body


def _job(bench: Bench, route: str, body: str, *, concurrency: int, rate: float) -> load.Job:
    return load.Job(
        port=bench.settings.api_port,
        path=f"/v1/{USE_CASE}/{route}",
        bodies=[body],
        seconds=SECONDS,
        headers={"X-API-Key": bench.settings.api_key},
        concurrency=concurrency,
        rate=rate,
    )


@contextlib.contextmanager
def serving(bench: Bench) -> Iterator[None]:
    """Run the scoring server; the block starts when it has explained a first row."""
    with (bench.home / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            cwd=ROOT,
            env=bench.environment,
            stdout=log,
            stderr=log,
        )
    try:
        _warm_up(bench)
        yield
    finally:
        server.terminate()
        server.wait(20)


def _warm_up(bench: Bench) -> None:
    """Wait until the server is ready, and have one row explained."""
    url = f"http://127.0.0.1:{bench.settings.api_port}"
    headers = {"X-API-Key": bench.settings.api_key}
    with httpx.Client(base_url=url, headers=headers, timeout=40) as client:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if client.get("/readyz").status_code == 200:
                    break
            time.sleep(0.1)
        row = example(bench.context("row").use_case.contract)
        client.post(f"/v1/{USE_CASE}/explain", json=row).raise_for_status()


# Label, value, ratio, limit.
LINES = (
    ("Sixgate, from log to table", "{rows_per_s:,.0f} rows/s", "", ""),
    (
        "the booster's own contributions, in memory",
        "{booster_rows_per_s:,.0f} rows/s",
        "{ratio_booster:.2f}",
        ">= 0.85",
    ),
    (
        "a script with shap.TreeExplainer",
        "{script_rows_per_s:,.0f} rows/s",
        "{ratio_shap_script:.2f}",
        "> 1",
    ),
    (
        "memory, 200,000 rows / 10,000",
        "{rss_200k_mb:.0f} MB",
        "{rss_growth_200k_over_10k:.2f}",
        "<= 1.2",
    ),
    ("largest difference to shap", "{difference_to_shap:.1e}", "", "<= 1e-5"),
    ("one row on request, p99", "{explain_p99_ms:.1f} ms", "", "<= 20 ms"),
    (
        "p50 of predict, with / without explain",
        "{predict_p50_beside_explain_ms:.2f} ms",
        "{ratio_predict_p50:.2f}",
        "",
    ),
    (
        "p99 of predict, with / without explain",
        "{predict_p99_beside_explain_ms:.2f} ms",
        "{ratio_predict_p99:.2f}",
        "",
    ),
)


def table(figures: dict[str, float]) -> Table:
    """Return the figures as a table."""
    title = f"{ROWS:,} logged predictions, {TREES} trees of depth {DEPTH}"
    lines = Table("", "", "ratio", "limit", box=None, title=title)
    for label, *cells in LINES:
        with contextlib.suppress(KeyError):  # a part was not measured
            lines.add_row(label, *(cell.format(**figures) for cell in cells))
    return lines


def main() -> None:
    """Measure, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="run only this part")
    only = parser.parse_args().only

    def say(text: str) -> None:
        CONSOLE.print(f"[dim]{text}[/]")

    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        folder = Path(name)
        with (
            temporary_services.database(folder, options=DATABASE_OPTIONS) as (server, password),
            temporary_services.mlflow(folder, temporary_services.free_port()) as registry,
        ):
            url = server.url(password, "postgres")
            temporary_services.migrate(url, folder)
            os.environ |= temporary_services.sign_in(registry.passwords)
            bench = Bench(folder, url, registry.uri)
            figures = at_once(bench, say) if only != "batch" else {}
            figures |= batch(bench, say) if only != "once" else {}
    Console().print(table(figures), "")
    Console().print_json(data={name: round(value, 7) for name, value in figures.items()})
    out = Settings.load().home / "bench" / "explain.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
