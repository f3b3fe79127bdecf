"""`make bench-serving`: the speed of the scoring server, beside its framework and its peers.

All features of the scoring server are switched on.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import bench_model
from benchmarks.load import Job, Result, run
from pipelines.rules.promotion.ledger import Served
from pipelines.settings import ROOT, Settings
from pipelines.stores.database import connect
from pipelines.stores.ledger import Ledger
from stack.temporary_services import database, free_port, migrate

KEY = "benchmark"
# Different rows, sent in turn: with one row, the processor would predict the branches of trees.
ROWS = 1000
UVICORN = [
    "--loop",
    "uvloop",
    "--http",
    "httptools",
    "--log-level",
    "warning",
    "--no-access-log",
    "--no-proxy-headers",
]
CONSOLE = Console(stderr=True)
# The server that is measured has the first processor for itself; load generator and database share
# the others.
ALL = sorted(os.sched_getaffinity(0))
YIELD = ["chrt", "--idle", "0"] if shutil.which("chrt") else []
PIN = ["taskset", "-c", str(ALL[0])] if len(ALL) > 1 and shutil.which("taskset") else []


@dataclass
class Target:
    """A server that is measured: its port, the requests to it, and its process."""

    name: str
    port: int
    path: str
    bodies: list[str]
    process: psutil.Process
    headers: dict[str, str]

    def ask(
        self,
        *,
        seconds: float,
        concurrency: int = 16,
        rate: float = 0.0,
        bodies: list[str] | None = None,
        path: str = "",
        strict: bool = True,
    ) -> Result:
        """Send it requests; with `strict`, no request may fail."""
        job = Job(
            port=self.port,
            path=path or self.path,
            bodies=bodies or self.bodies,
            headers=self.headers,
            concurrency=concurrency,
            seconds=seconds,
            rate=rate,
        )
        result = run(job)
        if strict and (result.failed or not result.answered):
            raise SystemExit(f"{self.name}: {result.failed} requests failed: {result.statuses}")
        return result

    def address(self, path: str) -> str:
        """Return the URL of another route of the scoring server."""
        return f"http://127.0.0.1:{self.port}{self.path.removesuffix('/predict')}{path}"


class Bench:
    """A folder with a database, a model and the servers, until the end of the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = folder / "models"
        self.home = folder / "home"
        self._ended = contextlib.ExitStack()
        self.settings = Settings(home=self.home)
        features, _ = bench_model.draw(ROWS, 9)
        values = features.astype(float).round(3).tolist()
        self.rows = [dict(zip(bench_model.FEATURES, row, strict=True)) for row in values]
        self.bodies = [json.dumps(row) for row in self.rows]

    def __enter__(self) -> "Bench":
        try:
            self._prepare()
        except BaseException:
            self._ended.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.close()

    def _prepare(self) -> None:
        for part in ("reference", "sql"):
            (self.folder / part).mkdir()
        bench_model.write_contract(self.folder / "reference")
        self._database()
        self.model = bench_model.fit(1)
        self.versions = [
            bench_model.write_version(self.models, self.folder / "reference", model, version)
            for version, model in ((1, self.model), (2, bench_model.fit(2)))
        ]
        self.promote(self.versions[0])

    def _database(self) -> None:
        # The load generator shares processors with the database, and must not wait for it.
        server, password = self._ended.enter_context(database(self.folder, before=YIELD))
        self.settings = Settings(
            root=self.folder,
            home=self.home,
            database_url=server.url(password, "postgres"),
            api_key=KEY,
        )
        migrate(self.settings.database_url, self.home)

    def promote(self, served: Served) -> None:
        """Write the row of the ledger, then move the alias, as a promotion does."""
        with connect(self.settings, autocommit=True) as connection:
            Ledger(connection).write(
                "DONE",
                promotion_id=uuid4(),
                use_case=bench_model.USE_CASE,
                from_version=None,
                from_digest=None,
                to_version=served.version,
                to_digest=served.digest,
                action="PROMOTE",
                actor="benchmark",
                reason="benchmark",
                decision_id=None,
                evidence_hash=None,
            )
        alias = self.models / bench_model.USE_CASE / "production"
        new = alias.with_suffix(".new")
        new.write_text(str(served.version))
        new.replace(alias)

    def start(self, command: list[str], **options: object) -> psutil.Process:
        """Start a process that is ended with the benchmark."""
        log = (self.folder / "servers.log").open("ab")
        child = subprocess.Popen(  # type: ignore[call-overload]
            command,
            stdout=log,
            stderr=log,
            **options,
        )

        def end() -> None:
            children = []
            if child.poll() is None:
                children = psutil.Process(child.pid).children(recursive=True)
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
            for process in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            log.close()

        self._ended.callback(end)
        return psutil.Process(child.pid)

    def peer(self, name: str, path: str = "/predict") -> Target:
        """Start one of `benchmarks.peers` with the same uvicorn, loop and flags."""
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", f"benchmarks.peers:{name}"]
        address = ["--host", "127.0.0.1", "--port", str(port)]
        process = self.start([*PIN, *command, *address, *UVICORN], cwd=ROOT)
        wait(port)
        return Target(
            name=name,
            port=port,
            path=path,
            bodies=self.bodies,
            process=process,
            headers={},
        )

    def mlflow(self) -> list[Target]:
        """Start `mlflow models serve` with the same booster, in a separate environment."""
        binaries = self._environment("mlflow", "mlflow==3.17.2", "xgboost==3.2.0", "pandas<3")
        booster = self.folder / "booster.json"
        self.model.save_model(booster)
        save = (
            "import mlflow.xgboost, sys, xgboost;"
            " model = xgboost.XGBClassifier(); model.load_model(sys.argv[1]);"
            " mlflow.xgboost.save_model(model, sys.argv[2], pip_requirements=['xgboost'])"
        )
        folder = self.folder / "mlflow-model"
        command = [binaries / "python", "-c", save, booster, folder]
        subprocess.run(command, check=True, capture_output=True)
        port = free_port()
        serve = [str(binaries / "mlflow"), "models", "serve", "-m", str(folder)]
        options = ["-p", str(port), "-h", "127.0.0.1", "--env-manager", "local"]
        environment = {
            **os.environ,
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        process = self.start([*PIN, *serve, *options], env=environment, start_new_session=True)
        wait(port, "/ping")
        bodies = []
        for row in self.rows:
            frame = {"columns": list(row), "data": [list(row.values())]}
            bodies.append(json.dumps({"dataframe_split": frame}))
        target = Target(
            name="mlflow",
            port=port,
            path="/invocations",
            bodies=bodies,
            process=process,
            headers={},
        )
        return [target]

    def mlserver(self) -> list[Target]:
        """Start MLServer with the same booster and its default settings.

        It is measured with named values, as all servers are, and with one tensor per row. The
        tensor is another payload, but the one with which MLServer is fastest.
        """
        binaries = self._environment(
            "mlserver",
            "mlserver==1.7.1",
            "mlserver-xgboost==1.7.1",
            "xgboost==3.2.0",
            "uvloop<0.22",
        )
        folder = self.folder / "mlserver-model"
        folder.mkdir()
        self.model.save_model(folder / "booster.json")
        port = free_port()
        settings = {
            "http_port": port,
            "grpc_port": free_port(),
            "metrics_port": free_port(),
            "host": "127.0.0.1",
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        model = {
            "name": "bench",
            "implementation": "mlserver_xgboost.XGBoostModel",
            "parameters": {"uri": "./booster.json"},
        }
        (folder / "model-settings.json").write_text(json.dumps(model))
        process = self.start(
            [*PIN, str(binaries / "mlserver"), "start", str(folder)],
            cwd=folder,
            start_new_session=True,
        )
        wait(port, "/v2/models/bench/ready")
        bodies = {
            "mlserver": [_named_values(row) for row in self.rows],
            "mlserver tensor": [_tensor(row) for row in self.rows],
        }
        return [
            Target(
                name=name,
                port=port,
                path="/v2/models/bench/infer",
                bodies=rows,
                process=process,
                headers={},
            )
            for name, rows in bodies.items()
        ]

    def _environment(self, name: str, *packages: str) -> Path:
        """Return the programs of a virtual environment with the packages.

        The environment is kept for the next run.
        """
        key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
        folder = Settings.load().home / "bench" / "peers" / f"{name}-{key}"
        complete = folder / "whole"
        if not complete.exists():
            CONSOLE.print(f"[dim]installing {', '.join(packages)} …[/]")
            uv = str(Path(sys.executable).parent / "uv")
            create = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
            install = [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python"]
            subprocess.run(create, check=True)
            subprocess.run([*install, *packages], check=True)
            complete.touch()
        return folder / "bin"

    def ours(self, sync: str = "interval") -> tuple[Target, float]:
        """Start the scoring server; return it and the seconds until it was ready."""
        port = free_port()
        environment = {
            **os.environ,
            "SIXGATE_ROOT": str(self.folder),
            "SIXGATE_USE_CASES": bench_model.USE_CASE,
            "SIXGATE_HOME": str(self.home),
            "SIXGATE_MODEL_FOLDER": str(self.models),
            "SIXGATE_DATABASE_URL": self.settings.database_url,
            "SIXGATE_API_PORT": str(port),
            "SIXGATE_API_KEY": KEY,
            "SIXGATE_RATE_LIMIT": "1000000/second",  # counted, and never reached
            "SIXGATE_JOURNAL_SYNC": sync,
        }
        start = time.monotonic()
        process = self.start([*PIN, sys.executable, "-m", "serving"], cwd=ROOT, env=environment)
        wait(port, "/readyz")
        ready = time.monotonic() - start
        target = Target(
            name="sixgate" if sync == "interval" else f"sixgate, sync {sync}",
            port=port,
            path=f"/v1/{bench_model.USE_CASE}/predict",
            bodies=self.bodies,
            process=process,
            headers={"X-API-Key": KEY},
        )
        return target, ready


def _named_values(row: dict[str, float]) -> str:
    """Return a request to MLServer with an input per feature."""
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP32", "data": [value]}
        for name, value in row.items()
    ]
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs})


def _tensor(row: dict[str, float]) -> str:
    """Return a request to MLServer with one input for all features."""
    tensor = {
        "name": "row",
        "shape": [1, len(row)],
        "datatype": "FP32",
        "data": list(row.values()),
    }
    return json.dumps({"inputs": [tensor]})


def wait(port: int, path: str = "/", seconds: float = 60) -> None:
    """Return when a server answers; `/` may have any status, another path must return 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            response = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2)
            if response.status_code == 200 or path == "/":
                return
        time.sleep(0.01)
    raise SystemExit(f"no server answered on port {port} within {seconds:.0f} s")


def interleaved(
    targets: list[Target], rounds: int, ask: Callable[[Target], Result]
) -> dict[str, list[Result]]:
    """Measure the servers in turn, round by round, so that other load affects all of them alike."""
    results: dict[str, list[Result]] = {target.name: [] for target in targets}
    for number in range(rounds):
        for target in targets:
            CONSOLE.print(f"[dim]round {number + 1} of {rounds}: {target.name}[/]")
            results[target.name].append(ask(target))
    return results


def ratio(ours: list[Result], theirs: list[Result], of: str = "per_second") -> float:
    """Return the median over rounds of ours divided by theirs."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(getattr(our, of) / getattr(their, of) for our, their in pairs)


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Yield a temporary folder that the database's user can read."""
    folder = Path(tempfile.mkdtemp(prefix="sixgate-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def measure(bench: Bench, arguments: argparse.Namespace) -> tuple[Table, dict[str, float]]:
    """Return the table and the figures of one run."""
    seconds = arguments.seconds
    table = Table("server", "concurrency", "requests/s", "p50 ms", "p99 ms", "RSS MB", box=None)
    echo = bench.peer("echo")
    noop = bench.peer("noop")
    ours, ready = bench.ours()
    for target in (echo, noop, ours):
        target.ask(seconds=1.0)
    figures = {"ready_s": ready}
    figures |= measure_framework(table, echo, noop, ours, arguments=arguments)
    body = json.dumps({"rows": bench.rows})
    batches = [
        ours.ask(concurrency=1, seconds=seconds, bodies=[body], path=f"{ours.path}/batch")
        for _ in range(3)
    ]
    figures["batch_rows_per_s"] = 1000 * statistics.median(result.per_second for result in batches)
    figures["rss_mb"] = ours.process.memory_info().rss / 1e6
    figures |= measure_sync(table, bench, ours, seconds)
    if not arguments.no_peers:
        for start in (bench.mlflow, bench.mlserver):
            for peer in start():
                figures |= measure_peer(table, peer, ours, seconds)
    failures, growth = swaps(bench, ours, arguments.swaps)
    figures["swap_failures"] = float(failures)
    return table, figures | growth


def measure_framework(
    table: Table, echo: Target, noop: Target, ours: Target, *, arguments: argparse.Namespace
) -> dict[str, float]:
    """Compare the scoring server with servers without a model."""
    seconds = arguments.seconds
    rounds = arguments.rounds
    targets = [echo, noop, ours]
    by: dict[int, dict[str, list[Result]]] = {}
    for concurrency in (1, 16, 64):
        ask = partial(Target.ask, concurrency=concurrency, seconds=seconds)
        by[concurrency] = interleaved(targets, rounds, ask)
        show(table, by[concurrency], str(concurrency), targets)
    rate = 0.6 * statistics.median(result.per_second for result in by[16]["noop"])
    ask = partial(Target.ask, concurrency=64, seconds=seconds, rate=rate)
    paced = interleaved([noop, ours], rounds, ask)
    show(table, paced, f"64, at {rate:,.0f}/s", [noop, ours])
    return {
        "ratio_noop": ratio(by[16]["sixgate"], by[16]["noop"]),
        "ratio_echo": ratio(by[16]["sixgate"], by[16]["echo"]),
        "ratio_noop_c1": ratio(by[1]["sixgate"], by[1]["noop"]),
        "p99_ratio_noop": ratio(paced["sixgate"], paced["noop"], "p99"),
    }


def measure_sync(table: Table, bench: Bench, ours: Target, seconds: float) -> dict[str, float]:
    """Compare the ways to write the journal to disk."""
    figures = {}
    modes = ("always", "never")
    targets = [ours]
    for mode in modes:
        target, _ = bench.ours(mode)
        targets.append(target)
    for concurrency in (1, 16):
        ask = partial(Target.ask, concurrency=concurrency, seconds=seconds)
        results = interleaved(targets, 2, ask)
        show(table, results, str(concurrency), targets[1:])
        for mode in modes:
            theirs = results[f"sixgate, sync {mode}"]
            figures[f"ratio_{mode}_c{concurrency}"] = ratio(theirs, results["sixgate"])
    return figures


def measure_peer(table: Table, peer: Target, ours: Target, seconds: float) -> dict[str, float]:
    """Compare the scoring server with another model server."""
    peer.ask(seconds=1.0)
    ask = partial(Target.ask, concurrency=16, seconds=seconds)
    results = interleaved([peer, ours], 2, ask)
    show(table, results, "16", [peer])
    for concurrency in (1, 64):
        once = peer.ask(concurrency=concurrency, seconds=seconds)
        show(table, {peer.name: [once]}, str(concurrency), [peer])
    name = peer.name.replace(" ", "_")
    return {f"ratio_{name}": ratio(results["sixgate"], results[peer.name])}


def show(
    table: Table, results: dict[str, list[Result]], concurrency: str, targets: list[Target]
) -> None:
    """Add a row per server with the medians over the rounds."""
    for target in targets:
        rounds = results[target.name]
        rate = statistics.median(result.per_second for result in rounds)
        p50 = statistics.median(result.p50 for result in rounds)
        p99 = statistics.median(result.p99 for result in rounds)
        processes = [target.process, *target.process.children(recursive=True)]
        rss = sum(process.memory_info().rss for process in processes)
        table.add_row(
            target.name,
            concurrency,
            f"{rate:,.0f}",
            f"{p50:.2f}",
            f"{p99:.2f}",
            f"{rss / 1e6:,.0f}",
        )


if __name__ == "__main__":
    main()
