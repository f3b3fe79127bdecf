"""`make bench-serving`: the scoring server with everything on, beside the limit of its framework and beside its peers."""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import bench_model
from benchmarks.load import Job, Result, run
from pipelines.rules.ledger import Served
from pipelines.settings import ROOT, Settings
from pipelines.stores.database import connect
from pipelines.stores.ledger import Ledger
from stack.postgres import Postgres

KEY = "benchmark"
UVICORN = ["--loop", "uvloop", "--http", "httptools", "--log-level", "warning", "--no-access-log", "--no-proxy-headers"]
SERVE = """
import logging, sys
from pathlib import Path
from pipelines.settings import Settings
from serving.__main__ import serve
from serving.registry import FolderRegistry
logging.basicConfig(level=logging.WARNING)
serve(Settings.load(), FolderRegistry(Path(sys.argv[1])))
"""
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
    body: str
    process: psutil.Process
    headers: dict[str, str]

    def ask(
        self, *, concurrency: int = 16, seconds: float, rate: float = 0.0, body: str | None = None, path: str = ""
    ) -> Result:
        """Drive it, and insist that nothing failed."""
        found = run(
            Job(
                port=self.port,
                path=path or self.path,
                body=body or self.body,
                headers=self.headers,
                concurrency=concurrency,
                seconds=seconds,
                rate=rate,
            )
        )
        if found.failed or not found.answered:
            raise SystemExit(f"{self.name}: {found.failed} requests failed: {found.statuses}")
        return found


class Bench:
    """A folder of its own with a database, a model and the servers; all of it ends with the block."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models, self.home = folder, folder / "models", folder / "home"
        self._ended = contextlib.ExitStack()
        self.settings = Settings(home=self.home)
        row = dict(zip(bench_model.FEATURES, (round(float(x), 3) for x in bench_model.draw(1, 9)[0][0]), strict=True))
        self.row = row
        self.body = json.dumps(row)

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
        password, port = secrets.token_urlsafe(16), free_port()
        postgres = Postgres.embedded(self.folder, instance=f"bench-{secrets.token_hex(6)}", port=port)
        self._ended.callback(postgres.delete)
        postgres.initialise(password)
        # The load generator shares processors with the database, and must not wait for it.
        self.start([*YIELD, *postgres.command()], cwd="/", stop=signal.SIGINT, **postgres.process_options())
        postgres.wait(password)
        self.settings = Settings(
            root=self.folder, home=self.home, database_url=postgres.url(password, "postgres"), api_key=KEY, api_port=free_port()
        )
        environment = {**os.environ, "SIXGATE_DATABASE_URL": self.settings.database_url, "SIXGATE_HOME": str(self.home)}
        subprocess.run([sys.executable, "-m", "pipelines.stores.schema"], env=environment, cwd=ROOT, check=True)

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

    def start(self, command: list[str], *, stop: signal.Signals = signal.SIGTERM, **options: object) -> psutil.Process:
        """Start a process that ends with the benchmark."""
        log = (self.folder / "servers.log").open("ab")
        child = subprocess.Popen(command, stdout=log, stderr=log, **options)  # type: ignore[call-overload]

        def end() -> None:
            child.send_signal(stop)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
            log.close()

        self._ended.callback(end)
        return psutil.Process(child.pid)

    def peer(self, name: str, path: str = "/predict") -> Target:
        """One of `benchmarks.peers`, on the same uvicorn, loop and flags."""
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", f"benchmarks.peers:{name}", "--host", "127.0.0.1", "--port", str(port)]
        process = self.start([*PIN, *command, *UVICORN], cwd=ROOT)
        wait(port)
        return Target(name, port, path, self.body, process, {})

    def ours(self) -> tuple[Target, float]:
        """The scoring server, and how many seconds it took from its start until it was ready."""
        settings = self.settings
        environment = {
            **os.environ,
            "SIXGATE_ROOT": str(self.folder),
            "SIXGATE_HOME": str(self.home),
            "SIXGATE_DATABASE_URL": settings.database_url,
            "SIXGATE_API_PORT": str(settings.api_port),
            "SIXGATE_API_KEY": KEY,
            "SIXGATE_RATE_LIMIT": "1000000/second",  # counted, and never reached
        }
        begun = time.monotonic()
        process = self.start([*PIN, sys.executable, "-c", SERVE, str(self.models)], cwd=ROOT, env=environment)
        wait(settings.api_port, "/readyz")
        ready = time.monotonic() - begun
        path = f"/v1/{bench_model.USE_CASE}/predict"
        return Target("sixgate", settings.api_port, path, self.body, process, {"X-API-Key": KEY}), ready


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(port: int, path: str = "/", seconds: float = 60) -> None:
    """Return once a server answers; `/` may be a 404, any other path has to be a 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200 or path == "/":
                return
        time.sleep(0.01)
    raise SystemExit(f"nothing answered on port {port} within {seconds:.0f} s")


def interleaved(targets: list[Target], rounds: int, ask: Callable[[Target], Result]) -> dict[str, list[Result]]:
    """Ask one after the other, round by round, so that what disturbs the machine disturbs all alike."""
    found: dict[str, list[Result]] = {target.name: [] for target in targets}
    for number in range(rounds):
        for target in targets:
            CONSOLE.print(f"[dim]round {number + 1} of {rounds}: {target.name}[/]")
            found[target.name].append(ask(target))
    return found


def ratio(ours: list[Result], theirs: list[Result], of: str = "per_second") -> float:
    """The median over rounds of ours against theirs."""
    return statistics.median(getattr(a, of) / getattr(b, of) for a, b in zip(ours, theirs, strict=True))


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """A folder that is gone afterwards; readable for the database's user."""
    folder = Path(tempfile.mkdtemp(prefix="sixgate-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="in which every server is asked once")
    arguments = parser.parse_args()
    if PIN:
        os.sched_setaffinity(0, ALL[1:])
    figures: dict[str, float] = {}
    with workspace() as folder, Bench(folder) as bench:
        echo, noop = bench.peer("echo"), bench.peer("noop")
        ours, figures["ready_s"] = bench.ours()
        targets = [echo, noop, ours]
        for target in targets:
            target.ask(seconds=1.0)
        table = Table("server", "concurrency", "requests/s", "p50 ms", "p99 ms", box=None)
        results = {}
        for concurrency in (1, 16, 64):
            found = interleaved(
                targets, arguments.rounds, lambda t, c=concurrency: t.ask(concurrency=c, seconds=arguments.seconds)
            )  # type: ignore[misc]
            results[concurrency] = found
            for name, rounds in found.items():
                cells = (statistics.median(getattr(r, of) for r in rounds) for of in ("per_second", "p50", "p99"))
                rate, p50, p99 = cells
                table.add_row(name, str(concurrency), f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}")
        sixteen = results[16]
        figures["ratio_noop"] = ratio(sixteen["sixgate"], sixteen["noop"])
        figures["ratio_echo"] = ratio(sixteen["sixgate"], sixteen["echo"])
        figures["ratio_noop_c1"] = ratio(results[1]["sixgate"], results[1]["noop"])
        rate = 0.6 * statistics.median(r.per_second for r in sixteen["noop"])
        paced = interleaved(
            [noop, ours], arguments.rounds, lambda t: t.ask(concurrency=64, seconds=arguments.seconds, rate=rate)
        )
        figures["p99_ratio_noop"] = ratio(paced["sixgate"], paced["noop"], "p99")
        for name, rounds in paced.items():
            p50, p99 = (statistics.median(getattr(r, of) for r in rounds) for of in ("p50", "p99"))
            table.add_row(name, "paced", f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}")
        batch = json.dumps({"rows": [bench.row] * 1000})
        several = [ours.ask(concurrency=1, seconds=arguments.seconds, body=batch, path=f"{ours.path}/batch") for _ in range(3)]
        figures["batch_rows_per_s"] = 1000 * statistics.median(result.per_second for result in several)
        figures["rss_mb"] = ours.process.memory_info().rss / 1e6
        Console().print(table)
    Console().print_json(data={name: round(value, 3) for name, value in figures.items()})
    out = Settings.load().home / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "serving.json").write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
