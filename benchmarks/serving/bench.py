"""What the servers need, and the scoring server and servers without a model."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psutil

from benchmarks import bench_model
from benchmarks.serving.target import Target
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
# The server that is measured has the first processor for itself; load generator and database share
# the others.
ALL = sorted(os.sched_getaffinity(0))
YIELD = ["chrt", "--idle", "0"] if shutil.which("chrt") else []
PIN = ["taskset", "-c", str(ALL[0])] if len(ALL) > 1 and shutil.which("taskset") else []


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


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Yield a temporary folder that the database's user can read."""
    folder = Path(tempfile.mkdtemp(prefix="sixgate-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
