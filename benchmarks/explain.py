"""`make bench-explain`: explaining logged predictions beside the booster's own code and a plain script; and one row at once."""

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
from serving.wire.request_decoding import example
from stack import temporary_services
from stack.demo.simulator import World, simulate

USE_CASE, ROWS, TREES, DEPTH, FITTED = "fraud", 100_000, 300, 6, 60_000
SMALL, LARGE = 10_000, 200_000  # rows, for memory
RATE, SECONDS, ROUNDS = 500.0, 6.0, 3
PARTS = ("once", "batch")
CONSOLE = Console(stderr=True)
EMPTY = """
TRUNCATE prediction_logs, explanations, explanation_watermarks, attribution_rollups;
DROP TABLE IF EXISTS shap_values
"""
FILL = """
COPY prediction_logs (scored_at, prediction_id, use_case, transaction_id, event_time, model_version, contract_hash, features,
                      score, predicted_label, threshold, replica) FROM STDIN
"""
BOTH = "SELECT e.contributions, s.contributions FROM explanations AS e JOIN shap_values AS s USING (prediction_id)"
MEASURED = """
import atexit, sys
from pipelines.cli.app import main
def tell():
    with open("/proc/self/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    print("PEAK", peak.split()[1], file=sys.stderr)
sys.argv = ["sixgate", *sys.argv[1:]]
try:
    main()
finally:
    tell()
"""


class Bench:
    """A database, a registry with one model, and a log, all gone afterwards."""

    def __init__(self, home: Path, database_url: str, mlflow_uri: str) -> None:
        overlay = home / "overlay.yaml"
        overlay.write_text("explanation: {select: all, sample: 1.0, limit: 1000000}\n")
        self.home, self.settings = home, Settings(
            home=home / "home", database_url=database_url, mlflow_tracking_uri=mlflow_uri, policy_overlay=overlay,
            api_port=temporary_services.free_port(), api_key="bench",
        )  # fmt: skip
        self.environment = {
            **os.environ, "SIXGATE_HOME": str(self.settings.home), "SIXGATE_DATABASE_URL": database_url,
            "SIXGATE_MLFLOW_TRACKING_URI": mlflow_uri, "SIXGATE_POLICY_OVERLAY": str(overlay),
            "SIXGATE_USE_CASES": USE_CASE,
            "SIXGATE_API_PORT": str(self.settings.api_port), "SIXGATE_API_KEY": self.settings.api_key,
        }  # fmt: skip
        self.features, self.candidate = self._fit()
        wired = self.wired("train")
        account = Account(params={}, metrics={}, below=(), figures={}, card="made for a benchmark")
        register(wired, self.candidate, self.features[:100], account=account, data_hash="none")
        self.digest = wired.models.get(USE_CASE, 1).digest
        wired.close()
        fitted = self.candidate.fitted
        self.model = home / explainer_file(self.candidate.kind)
        self.model.write_bytes(fitted.estimator.save(fitted.model))

    def wired(self, run_id: str) -> Context:
        """A context of its own."""
        return context(self.settings, USE_CASE, run_id, datetime.now(UTC))

    def fill(self, rows: int) -> NDArray[np.float64]:
        """Log so many predictions in place of those there; returns their features (n, columns)."""
        picked = self.features[np.random.default_rng(rows).integers(0, len(self.features), rows)]
        picked = picked * np.random.default_rng(rows + 1).uniform(0.9, 1.1, picked.shape)
        wired = self.wired("fill")
        contract, scores = wired.use_case.contract, self.candidate.score(picked.astype(np.float32))
        ids = [UUID(each) for each in uuid7(int((time.time() - 60) * 1000), rows)]
        with wired.connection.transaction():
            wired.connection.execute(EMPTY)
            with wired.connection.cursor().copy(FILL) as copy:
                at = time_of(ids[0])
                for ident, values, score in zip(ids, picked.tolist(), scores.tolist(), strict=True):
                    copy.write_row(
                        (
                            at,
                            ident,
                            USE_CASE,
                            str(ident),
                            at,
                            1,
                            contract.hash,
                            values,
                            score,
                            0,
                            0.5,
                            "bench",
                        )
                    )
        wired.connection.execute("VACUUM ANALYZE prediction_logs")
        wired.close()
        return picked

    def explain(self, run_id: str, workers: int) -> tuple[float, float]:
        """Plan, then explain each chunk in a process of its own, so many at a time; seconds, and the greatest peak in MB."""
        begun = time.monotonic()
        chunks, peaks = self._step("plan", run_id, {})
        with ThreadPoolExecutor(workers) as pool:
            done = list(pool.map(lambda chunk: self._step("explain", run_id, chunk), chunks))
        spent = time.monotonic() - begun
        if any(result["failed"] for result, _ in done):
            raise SystemExit(f"not every row was explained: {[result for result, _ in done]}")
        return spent, max([peaks, *(peak for _, peak in done)])

    def _step(self, name: str, run_id: str, params: dict[str, Any]) -> tuple[Any, float]:
        command = [
            sys.executable,
            "-c",
            MEASURED,
            "step",
            name,
            "--run-id",
            run_id,
            "--params",
            json.dumps(params),
        ]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"step {name} failed: {done.stdout[-1000:]} {done.stderr[-1000:]}")
        peak = next(line for line in reversed(done.stderr.splitlines()) if line.startswith("PEAK"))
        return json.loads(done.stdout.splitlines()[-1]), int(peak.split()[1]) / 1024

    def _fit(self) -> tuple[NDArray[np.float64], Candidate]:
        """Three hundred trees of depth six on a simulated town's features, and labels noisy enough that the trees are full."""
        use_case = self.wired("fit").use_case
        town = simulate(World(seed=23, start=datetime(2026, 1, 1, tzinfo=UTC), days=28))
        features = Deriver(use_case.contract)(
            np.column_stack([town.features[name] for name in use_case.contract.raw])
        )
        random = np.random.default_rng(5)
        spread = np.argsort(np.argsort(features, axis=0), axis=0) / len(features)
        labels = spread @ random.normal(size=spread.shape[1]) + random.normal(0, 0.5, len(spread))
        picked = random.permutation(len(features))[:FITTED]
        model = xgboost.XGBClassifier(
            n_estimators=TREES, max_depth=DEPTH, learning_rate=0.1, n_jobs=os.cpu_count()
        )
        model.fit(features[picked].astype(np.float32), (labels > np.quantile(labels, 0.8))[picked])
        return features, Candidate(
            fitted=FittedModel(XGBoostEstimator(), model),
            calibration=Calibration(0.9, 0.1),
            threshold=0.5,
            params={},
            metrics={},
        )


def by_booster(bench: Bench, features: NDArray[np.float64]) -> float:
    """Seconds of the booster's own contributions of a matrix in memory, on all cores."""
    booster = xgboost.Booster(model_file=bench.model)
    matrix = xgboost.DMatrix(features.astype(np.float32))
    begun = time.monotonic()
    booster.predict(matrix, pred_contribs=True)
    return time.monotonic() - begun


def by_script(bench: Bench) -> float:
    """Seconds of a plain script, from its start to its end."""
    begun = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "benchmarks.shap_script",
        bench.settings.database_url,
        str(bench.model),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.monotonic() - begun


def difference(bench: Bench) -> float:
    """The greatest difference between what we wrote and what the script wrote, in log-odds of the margin."""
    with psycopg.connect(bench.settings.database_url) as connection:
        rows = connection.execute(BOTH)
        ours, theirs = (np.array(side) for side in zip(*rows.fetchall(), strict=True))
    return float(np.abs(ours / bench.candidate.calibration.a - theirs).max())


def batch(bench: Bench, say: Callable[[str], None]) -> dict[str, float]:
    """Rates beside the others, then memory."""
    workers, figures = os.cpu_count() or 1, dict[str, float]()
    features = bench.fill(ROWS)
    say(
        f"{ROWS:,} logged predictions, {TREES} trees of depth {DEPTH}: ours, {workers} chunks at a time …"
    )
    first, _ = bench.explain("ours-1", workers)
    say(f"{first:.1f} s; the booster's own contributions, on all cores …")
    booster = by_booster(bench, features)
    say(f"{booster:.1f} s; a script with shap.TreeExplainer …")
    script = by_script(bench)
    figures["difference_to_shap"] = difference(bench)
    say(f"{script:.1f} s; ours again, on a log just filled …")
    bench.fill(ROWS)
    second, _ = bench.explain("ours-2", workers)
    ours = (first + second) / 2
    figures |= {
        "ratio_booster": booster / ours, "ratio_shap_script": script / ours, "rows_per_s": ROWS / ours,
        "booster_rows_per_s": ROWS / booster, "script_rows_per_s": ROWS / script,
    }  # fmt: skip
    say(f"{second:.1f} s; memory …")
    for rows, name in ((SMALL, "rss_10k_mb"), (LARGE, "rss_200k_mb")):
        bench.fill(rows)
        _, figures[name] = bench.explain(name, workers)
    return figures | {"rss_growth_200k_over_10k": figures["rss_200k_mb"] / figures["rss_10k_mb"]}


def at_once(bench: Bench, say: Callable[[str], None]) -> dict[str, float]:
    """One row at once from a running server, and what that costs those who only want a score."""
    wired = bench.wired("promote")
    for state in ("INTENDED", "DONE"):
        wired.connection.execute(
            "INSERT INTO promotions (promotion_id, use_case, to_version, to_digest, action, state, actor, reason)"
            " VALUES (%s, %s, 1, %s, 'PROMOTE', %s, 'bench', 'bench')", (uuid4(), USE_CASE, bench.digest, state),
        )  # fmt: skip
    wired.registry.point(USE_CASE, 1)
    body = json.dumps(example(wired.use_case.contract))
    wired.close()
    with serving(bench):
        jobs = {
            path: load.Job(port=bench.settings.api_port, path=f"/v1/{USE_CASE}/{path}", bodies=[body], seconds=SECONDS,
                           headers={"X-API-Key": bench.settings.api_key}, concurrency=concurrency, rate=rate)
            for path, concurrency, rate in (("explain", 1, 0.0), ("predict", 16, RATE))
        }  # fmt: skip
        say("one row at once …")
        found: dict[str, list[load.Result]] = {
            "explain": [],
            "alone": [],
            "beside": [],
            "beside_explain": [],
        }
        for _ in range(ROUNDS):
            found["explain"].append(load.run(jobs["explain"]))
            found["alone"].append(load.run(jobs["predict"]))
            beside = threading.Thread(
                target=lambda: found["beside_explain"].append(load.run(jobs["explain"]))
            )
            beside.start()
            found["beside"].append(load.run(jobs["predict"]))
            beside.join()
    failed = sum(result.failed for results in found.values() for result in results)
    if failed:
        raise SystemExit(f"{failed} requests failed: {found}")
    middle = {
        name: [median(getattr(r, of) for r in results) for of in ("p50", "p99")]
        for name, results in found.items()
    }
    return {
        "explain_p50_ms": middle["explain"][0], "explain_p99_ms": middle["explain"][1],
        "explain_p99_beside_predict_ms": middle["beside_explain"][1],
        "predict_p50_ms": middle["alone"][0], "predict_p50_beside_explain_ms": middle["beside"][0],
        "predict_p99_ms": middle["alone"][1], "predict_p99_beside_explain_ms": middle["beside"][1],
        "ratio_predict_p50": middle["beside"][0] / middle["alone"][0],
        "ratio_predict_p99": middle["beside"][1] / middle["alone"][1],
    }  # fmt: skip


@contextlib.contextmanager
def serving(bench: Bench) -> Iterator[None]:
    """The scoring server, once it serves and has explained a first row."""
    url = f"http://127.0.0.1:{bench.settings.api_port}"
    with (bench.home / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            cwd=ROOT,
            env=bench.environment,
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(
            base_url=url, headers={"X-API-Key": bench.settings.api_key}, timeout=40
        ) as client:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/readyz").status_code == 200:
                        break
                time.sleep(0.1)
            row = example(bench.wired("row").use_case.contract)
            client.post(f"/v1/{USE_CASE}/explain", json=row).raise_for_status()
        yield
    finally:
        server.terminate()
        server.wait(20)


def table(figures: dict[str, float]) -> Table:
    """For people."""
    title = f"{ROWS:,} logged predictions, {TREES} trees of depth {DEPTH}"
    shown = Table("", "", "ratio", "limit", box=None, title=title)
    rows = (
        ("sixgate, from the log and into it", "{rows_per_s:,.0f} rows/s", "", ""),
        (
            "the booster's own, in memory",
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
        ("greatest difference to shap", "{difference_to_shap:.1e}", "", "<= 1e-5"),
        ("one row at once, p99", "{explain_p99_ms:.1f} ms", "", "<= 20 ms"),
        (
            "predict's p50, explaining beside / alone",
            "{predict_p50_beside_explain_ms:.2f} ms",
            "{ratio_predict_p50:.2f}",
            "",
        ),
        (
            "predict's p99, explaining beside / alone",
            "{predict_p99_beside_explain_ms:.2f} ms",
            "{ratio_predict_p99:.2f}",
            "",
        ),
    )
    for words, value, *rest in rows:
        with contextlib.suppress(KeyError):  # of a part that was left out
            shown.add_row(
                words, value.format(**figures), *(cell.format(**figures) for cell in rest)
            )
    return shown


def main() -> None:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one of the parts")
    only = parser.parse_args().only
    with (
        tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name,
        temporary_services.database(Path(name), options=("-c", "max_wal_size=4GB")) as (
            server,
            password,
        ),
        temporary_services.mlflow(Path(name), temporary_services.free_port()) as registry,
    ):
        url = server.url(password, "postgres")
        temporary_services.migrate(url, Path(name))
        os.environ |= temporary_services.sign_in(registry.passwords)
        bench = Bench(Path(name), url, registry.uri)

        def say(words: str) -> None:
            CONSOLE.print(f"[dim]{words}[/]")

        figures = at_once(bench, say) if only != "batch" else {}
        figures |= batch(bench, say) if only != "once" else {}
    Console().print(table(figures), "")
    Console().print_json(data={name: round(value, 7) for name, value in figures.items()})
    out = Settings.load().home / "bench" / "explain.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
