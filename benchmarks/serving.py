"""`make bench-serving`: the scoring server with everything on, beside the limit of its framework and beside its peers."""

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
ROWS = 1000  # all different, sent in turn: one row again and again would teach the processor its way through the trees
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
# Whichever server is measured has the first processor to itself; load generator and database share the others.
ALL = sorted(os.sched_getaffinity(0))
YIELD = ["chrt", "--idle", "0"] if shutil.which("chrt") else []
PIN = ["taskset", "-c", str(ALL[0])] if len(ALL) > 1 and shutil.which("taskset") else []


@dataclass
class Target:
    """A server under measurement: where it listens, what it is asked, and its process."""

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
        """Drive it; with `strict`, nothing may fail."""
        job = Job(
            port=self.port,
            path=path or self.path,
            bodies=bodies or self.bodies,
            headers=self.headers,
            concurrency=concurrency,
            seconds=seconds,
            rate=rate,
        )
        found = run(job)
        if strict and (found.failed or not found.answered):
            raise SystemExit(f"{self.name}: {found.failed} requests failed: {found.statuses}")
        return found

    def address(self, path: str) -> str:
        """One of the scoring server's other addresses."""
        return f"http://127.0.0.1:{self.port}{self.path.removesuffix('/predict')}{path}"


class Bench:
    """A folder of its own with a database, a model and the servers; all of it ends with the block."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models, self.home = folder, folder / "models", folder / "home"
        self._ended = contextlib.ExitStack()
        self.settings = Settings(home=self.home)
        drawn = bench_model.draw(ROWS, 9)[0].astype(float).round(3).tolist()
        self.rows = [dict(zip(bench_model.FEATURES, row, strict=True)) for row in drawn]
        self.bodies = list(map(json.dumps, self.rows))

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
        """Write the ledger's row, then move the alias, as a promotion does."""
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
        """Start a process that ends with the benchmark."""
        log = (self.folder / "servers.log").open("ab")
        child = subprocess.Popen(command, stdout=log, stderr=log, **options)  # type: ignore[call-overload]

        def end() -> None:
            family = (
                psutil.Process(child.pid).children(recursive=True) if child.poll() is None else []
            )
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
            for left in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    left.kill()
            log.close()

        self._ended.callback(end)
        return psutil.Process(child.pid)

    def peer(self, name: str, path: str = "/predict") -> Target:
        """One of `benchmarks.peers`, on the same uvicorn, loop and flags."""
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            f"benchmarks.peers:{name}",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        process = self.start([*PIN, *command, *UVICORN], cwd=ROOT)
        wait(port)
        return Target(name, port, path, self.bodies, process, {})

    def mlflow(self) -> list[Target]:
        """`mlflow models serve` with the same booster, from an environment of its own."""
        binaries = self._environment("mlflow", "mlflow==3.17.2", "xgboost==3.2.0", "pandas<3")
        self.model.save_model(self.folder / "booster.json")
        save = (
            "import mlflow.xgboost, sys, xgboost; model = xgboost.XGBClassifier(); model.load_model(sys.argv[1]);"
            " mlflow.xgboost.save_model(model, sys.argv[2], pip_requirements=['xgboost'])"
        )
        there = self.folder / "mlflow-model"
        subprocess.run(
            [binaries / "python", "-c", save, self.folder / "booster.json", there],
            check=True,
            capture_output=True,
        )
        port = free_port()
        command = [
            *PIN,
            str(binaries / "mlflow"),
            "models",
            "serve",
            "-m",
            str(there),
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
        ]
        environment = {
            **os.environ,
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        process = self.start(
            [*command, "--env-manager", "local"], env=environment, start_new_session=True
        )
        wait(port, "/ping")
        bodies = [
            json.dumps({"dataframe_split": {"columns": list(row), "data": [list(row.values())]}})
            for row in self.rows
        ]
        return [Target("mlflow", port, "/invocations", bodies, process, {})]

    def mlserver(self) -> list[Target]:
        """MLServer with the same booster and its default settings.

        The row goes by its names, as everywhere; and once without them, as one tensor: that is not the same payload, but what
        MLServer is quickest with.
        """
        binaries = self._environment(
            "mlserver",
            "mlserver==1.7.1",
            "mlserver-xgboost==1.7.1",
            "xgboost==3.2.0",
            "uvloop<0.22",
        )
        there = self.folder / "mlserver-model"
        there.mkdir()
        self.model.save_model(there / "booster.json")
        port, *others = (free_port() for _ in range(3))
        ports = dict(zip(("http_port", "grpc_port", "metrics_port"), (port, *others), strict=True))
        (there / "settings.json").write_text(json.dumps({**ports, "host": "127.0.0.1"}))
        implementation = "mlserver_xgboost.XGBoostModel"
        model = {
            "name": "bench",
            "implementation": implementation,
            "parameters": {"uri": "./booster.json"},
        }
        (there / "model-settings.json").write_text(json.dumps(model))
        process = self.start(
            [*PIN, str(binaries / "mlserver"), "start", str(there)],
            cwd=there,
            start_new_session=True,
        )
        wait(port, "/v2/models/bench/ready")
        named, tensor = [], []
        for row in self.rows:
            inputs = [
                {"name": name, "shape": [1], "datatype": "FP32", "data": [value]}
                for name, value in row.items()
            ]
            named.append(json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs}))
            one = {
                "name": "row",
                "shape": [1, len(row)],
                "datatype": "FP32",
                "data": list(row.values()),
            }
            tensor.append(json.dumps({"inputs": [one]}))
        path = "/v2/models/bench/infer"
        return [
            Target("mlserver", port, path, named, process, {}),
            Target("mlserver tensor", port, path, tensor, process, {}),
        ]

    def _environment(self, name: str, *packages: str) -> Path:
        """A virtual environment with the packages, kept for the next run; returns where its programs are."""
        key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
        there = Settings.load().home / "bench" / "peers" / f"{name}-{key}"
        uv = str(Path(sys.executable).parent / "uv")
        if not (there / "whole").exists():
            CONSOLE.print(f"[dim]installing {', '.join(packages)} …[/]")
            subprocess.run(
                [uv, "venv", "--quiet", "--clear", "--python", sys.executable, there], check=True
            )
            subprocess.run(
                [uv, "pip", "install", "--quiet", "--python", there / "bin" / "python", *packages],
                check=True,
            )
            (there / "whole").touch()
        return there / "bin"

    def ours(self, sync: str = "interval") -> tuple[Target, float]:
        """The scoring server, and how many seconds it took from its start until it was ready."""
        settings, port = self.settings, free_port()
        environment = {
            **os.environ,
            "SIXGATE_ROOT": str(self.folder),
            "SIXGATE_USE_CASES": bench_model.USE_CASE,
            "SIXGATE_HOME": str(self.home),
            "SIXGATE_MODEL_FOLDER": str(self.models),
            "SIXGATE_DATABASE_URL": settings.database_url,
            "SIXGATE_API_PORT": str(port),
            "SIXGATE_API_KEY": KEY,
            "SIXGATE_RATE_LIMIT": "1000000/second",  # counted, and never reached
            "SIXGATE_JOURNAL_SYNC": sync,
        }
        begun = time.monotonic()
        process = self.start([*PIN, sys.executable, "-m", "serving"], cwd=ROOT, env=environment)
        wait(port, "/readyz")
        ready = time.monotonic() - begun
        path = f"/v1/{bench_model.USE_CASE}/predict"
        name = "sixgate" if sync == "interval" else f"sixgate, sync {sync}"
        return Target(name, port, path, self.bodies, process, {"X-API-Key": KEY}), ready


def wait(port: int, path: str = "/", seconds: float = 60) -> None:
    """Return once a server answers; `/` may be a 404, any other path has to be a 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if (
                httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200
                or path == "/"
            ):
                return
        time.sleep(0.01)
    raise SystemExit(f"nothing answered on port {port} within {seconds:.0f} s")


def interleaved(
    targets: list[Target], rounds: int, ask: Callable[[Target], Result]
) -> dict[str, list[Result]]:
    """Ask one after the other, round by round, so that what disturbs the machine disturbs all alike."""
    found: dict[str, list[Result]] = {target.name: [] for target in targets}
    for number in range(rounds):
        for target in targets:
            CONSOLE.print(f"[dim]round {number + 1} of {rounds}: {target.name}[/]")
            found[target.name].append(ask(target))
    return found


def ratio(ours: list[Result], theirs: list[Result], of: str = "per_second") -> float:
    """The median over rounds of ours against theirs."""
    return statistics.median(
        getattr(a, of) / getattr(b, of) for a, b in zip(ours, theirs, strict=True)
    )


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """A folder that is gone afterwards; readable for the database's user."""
    folder = Path(tempfile.mkdtemp(prefix="sixgate-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def swaps(bench: Bench, ours: Target, count: int) -> tuple[int, dict[str, float]]:
    """Promote back and forth under load; returns the failures, and what memory and handles grew by.

    Memory settles first (two models lie side by side for a moment); what it grows by in the second half is a leak.
    """
    found: list[Result] = []
    asking = threading.Thread(
        target=lambda: found.append(ours.ask(seconds=count * 0.06 + 2, strict=False))
    )
    memory, handles = [ours.process.memory_info().rss], ours.process.num_fds()
    asking.start()
    for number in range(count):
        if number == count // 2:
            memory.append(ours.process.memory_info().rss)
        target = bench.versions[(number + 1) % 2]
        bench.promote(target)
        deadline = time.monotonic() + 10
        while (
            httpx.get(ours.address("/model"), headers=ours.headers).json()["version"]
            != target.version
        ):
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"swap {number + 1}: version {target.version} did not serve within 10 s"
                )
    asking.join()
    memory.append(ours.process.memory_info().rss)
    settled, grown = ((after - before) / 1e6 for before, after in pairwise(memory))
    return found[0].failed, {
        "swap_rss_settling_mb": settled,
        "swap_rss_growth_mb": grown,
        "swap_handles_growth": float(ours.process.num_fds() - handles),
    }


def main() -> None:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="in which every server is asked once")
    parser.add_argument("--swaps", type=int, default=500, help="promotions under load")
    parser.add_argument(
        "--no-peers", action="store_true", help="leave `mlflow models serve` and MLServer out"
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
    """All figures of one run, and the table for people."""
    seconds, rounds = arguments.seconds, arguments.rounds
    table = Table("server", "concurrency", "requests/s", "p50 ms", "p99 ms", "RSS MB", box=None)
    echo, noop = bench.peer("echo"), bench.peer("noop")
    ours, ready = bench.ours()
    figures = {"ready_s": ready}
    for target in (echo, noop, ours):
        target.ask(seconds=1.0)
    by: dict[int, dict[str, list[Result]]] = {}
    for concurrency in (1, 16, 64):
        by[concurrency] = interleaved(
            [echo, noop, ours],
            rounds,
            partial(Target.ask, concurrency=concurrency, seconds=seconds),
        )
        show(table, by[concurrency], str(concurrency), [echo, noop, ours])
    figures["ratio_noop"] = ratio(by[16]["sixgate"], by[16]["noop"])
    figures["ratio_echo"] = ratio(by[16]["sixgate"], by[16]["echo"])
    figures["ratio_noop_c1"] = ratio(by[1]["sixgate"], by[1]["noop"])
    rate = 0.6 * statistics.median(result.per_second for result in by[16]["noop"])
    paced = interleaved(
        [noop, ours], rounds, partial(Target.ask, concurrency=64, seconds=seconds, rate=rate)
    )
    show(table, paced, f"64, at {rate:,.0f}/s", [noop, ours])
    figures["p99_ratio_noop"] = ratio(paced["sixgate"], paced["noop"], "p99")
    batch = [json.dumps({"rows": bench.rows})]
    several = [
        ours.ask(concurrency=1, seconds=seconds, bodies=batch, path=f"{ours.path}/batch")
        for _ in range(3)
    ]
    figures["batch_rows_per_s"] = 1000 * statistics.median(result.per_second for result in several)
    figures["rss_mb"] = ours.process.memory_info().rss / 1e6
    modes = [ours, *(bench.ours(sync)[0] for sync in ("always", "never"))]
    for concurrency in (1, 16):
        found = interleaved(modes, 2, partial(Target.ask, concurrency=concurrency, seconds=seconds))
        show(table, found, str(concurrency), modes[1:])
        for mode in ("always", "never"):
            figures[f"ratio_{mode}_c{concurrency}"] = ratio(
                found[f"sixgate, sync {mode}"], found["sixgate"]
            )
    for peers in () if arguments.no_peers else (bench.mlflow, bench.mlserver):
        for peer in peers():
            peer.ask(seconds=1.0)
            found = interleaved(
                [peer, ours], 2, partial(Target.ask, concurrency=16, seconds=seconds)
            )
            show(table, found, "16", [peer])
            for concurrency in (1, 64):
                once = peer.ask(concurrency=concurrency, seconds=seconds)
                show(table, {peer.name: [once]}, str(concurrency), [peer])
            figures[f"ratio_{peer.name.replace(' ', '_')}"] = ratio(
                found["sixgate"], found[peer.name]
            )
    failures, growth = swaps(bench, ours, arguments.swaps)
    return table, {**figures, "swap_failures": float(failures), **growth}


def show(
    table: Table, found: dict[str, list[Result]], concurrency: str, targets: list[Target]
) -> None:
    """A row per server: medians over the rounds."""
    for target in targets:
        rounds = found[target.name]
        rate, p50, p99 = (
            statistics.median(getattr(r, of) for r in rounds) for of in ("per_second", "p50", "p99")
        )
        rss = target.process.memory_info().rss + sum(
            child.memory_info().rss for child in target.process.children(recursive=True)
        )
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
