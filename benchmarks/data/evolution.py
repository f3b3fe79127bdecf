"""Ten changes of a contract under load, with promotions between: how many requests fail.

A real server, PostgreSQL and MLflow. During each change, one client keeps to the former contract
and sends 500 requests a second. Another keeps to the new one once the change is applied.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np

from benchmarks.data.contract_steps import CHANGES, change, row_of
from benchmarks.fuzz.server import KEY, environment, model_files, wait_until_ready
from benchmarks.load import Job, Result, run
from pipelines.rules.model.bundle import digest
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT, Settings
from pipelines.stores.database import connect
from pipelines.stores.ledger import Ledger
from pipelines.stores.model_registry import Account, ModelRegistry
from pipelines.stores.models import ModelStore
from pipelines.use_case import read_contract
from stack import temporary_services

USE_CASE = "fraud"
RATE = 500.0
SECONDS = 10.0  # of one change
SETTLE = 1.0  # seconds of load before a change
PROMOTE_AFTER = 2  # a version of the new contract is promoted after every second change
NOTHING = Account(params={}, metrics={}, below=(), figures={}, card="")


class Stage:
    """A server under load, and what was sent to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.reference / USE_CASE
        self.results: list[Result] = []
        self.promotions = 0
        self.apply_seconds: list[float] = []
        self._version: int | None = None
        self._digest: str | None = None

    @property
    def contract(self) -> Contract:
        """The contract in the folder."""
        return read_contract(self.folder)

    def register(self, contract: Contract) -> tuple[int, str]:
        """Register a version that was trained under a contract; return it with its digest."""
        run_id = uuid4().hex
        files = model_files(contract)
        registry = ModelRegistry(self.settings)
        registry.ensure(USE_CASE)
        registered = registry.register(
            USE_CASE,
            run_id,
            files=files,
            account=NOTHING,
            tags={"digest": digest(files)},
            example=np.zeros((1, len(contract.columns)), np.float32),
            columns=contract.columns,
            label=contract.label.name,
            data=(),
        )
        with connect(self.settings, autocommit=True) as connection:
            models = ModelStore(connection)
            models.record_contract(contract)
            models.record(
                use_case=USE_CASE,
                version=registered.version,
                run_id=run_id,
                mlflow_run_id=registered.mlflow_run_id,
                kind="xgboost",
                digest=digest(files),
                contract_hash=contract.hash,
                threshold=0.5,
                metrics={},
                data_hash="none",
            )
        return registered.version, digest(files)

    def promote(self, version: int, model_digest: str) -> None:
        """Move the alias as a promotion does: INTENDED, the alias, DONE."""
        promotion = uuid4()
        for state in ("INTENDED", "DONE"):
            with connect(self.settings, autocommit=True) as connection:
                Ledger(connection).write(
                    state,
                    promotion_id=promotion,
                    use_case=USE_CASE,
                    from_version=self._version,
                    from_digest=self._digest,
                    to_version=version,
                    to_digest=model_digest,
                    action="PROMOTE",
                    actor="bench",
                    reason="bench",
                    decision_id=None,
                    evidence_hash=None,
                )
            if state == "INTENDED":
                ModelRegistry(self.settings).point(USE_CASE, version)
        self._version = version
        self._digest = model_digest
        self.promotions += 1

    def load(self, rows: list[dict[str, Any]], seconds: float) -> Result:
        """Send rows in turn at the rate."""
        job = Job(
            port=self.settings.api_port,
            path=f"/v1/{USE_CASE}/predict",
            bodies=[msgspec.json.encode(row).decode() for row in rows],
            headers={"X-API-Key": KEY},
            seconds=seconds,
            rate=RATE,
        )
        return run(job)

    def apply(self) -> None:
        """Run `sixgate contract apply`, which returns once the server has the contract."""
        began = time.perf_counter()
        command = [sys.executable, "-m", "pipelines", "contract", "apply", "-u", USE_CASE]
        subprocess.run(
            command, cwd=ROOT, env=environment(self.settings), check=True, capture_output=True
        )
        self.apply_seconds.append(time.perf_counter() - began)


def figures() -> dict[str, float]:
    """Return the failures, and how many changes, promotions and requests there were."""
    with _stage() as stage, ThreadPoolExecutor() as pool:
        contracts = [stage.contract]
        for number, (name, edit) in enumerate(CHANGES.items(), start=1):
            failed = _step(stage, pool, number, edit, contracts)
            print(f"{number}. {name}: {failed} failed")
        last = stage.load([row_of(contract) for contract in contracts], 3.0)
        stage.results.append(last)
        lost = _lost(stage)
    answered = sum(result.answered for result in stage.results)
    return {
        "evolution_changes": float(len(CHANGES)),
        "evolution_promotions": float(stage.promotions),
        "evolution_requests": float(answered),
        "evolution_failures": float(sum(result.failed for result in stage.results) + lost),
        "evolution_apply_seconds": float(np.median(stage.apply_seconds)),
        "evolution_p99_ms": float(np.median([result.p99 for result in stage.results])),
    }


def _step(
    stage: Stage, pool: ThreadPoolExecutor, number: int, edit: Any, contracts: list[Contract]
) -> int:
    """Change the contract under load; return how many requests failed."""
    former = pool.submit(stage.load, [row_of(contracts[-1]), row_of(contracts[0])], SECONDS)
    time.sleep(SETTLE)
    new = change(stage.folder, edit)
    stage.apply()
    contracts.append(new)
    loads: list[Future[Result]] = [former, pool.submit(stage.load, [row_of(new)], SECONDS / 2)]
    if number % PROMOTE_AFTER == 0:
        stage.promote(*stage.register(new))
    results = [load.result() for load in loads]
    stage.results += results
    return sum(result.failed for result in results)


def _lost(stage: Stage) -> int:
    """Return how many answered predictions are not logged 10 s after the last one."""
    answered = sum(result.answered for result in stage.results)
    deadline = time.monotonic() + 10
    while True:
        with connect(stage.settings) as connection:
            row = connection.execute("SELECT count(*) AS n FROM prediction_logs").fetchone()
        assert row
        if row["n"] >= answered or time.monotonic() > deadline:
            return max(0, answered - int(row["n"]))
        time.sleep(0.2)


@contextlib.contextmanager
def _stage() -> Iterator[Stage]:
    """Run PostgreSQL, MLflow and a scoring server that serves a first version."""
    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / "reference" / USE_CASE, folder / "reference" / USE_CASE)
        with (
            temporary_services.database(folder) as (server, password),
            temporary_services.mlflow(folder, temporary_services.free_port()) as registry,
        ):
            url = server.url(password, "postgres")
            temporary_services.migrate(url, folder)
            os.environ |= temporary_services.sign_in(registry.passwords)
            os.environ["MLFLOW_TRACKING_URI"] = registry.uri
            settings = Settings(
                root=folder,
                home=folder / "home",
                database_url=url,
                mlflow_tracking_uri=registry.uri,
                api_port=temporary_services.free_port(),
            )
            stage = Stage(settings)
            stage.promote(*stage.register(stage.contract))
            with _serving(stage.settings, folder):
                yield stage


@contextlib.contextmanager
def _serving(settings: Settings, folder: Path) -> Iterator[None]:
    variables = environment(settings)
    del variables["SIXGATE_MODEL_FOLDER"]  # the registry is MLflow
    variables["SIXGATE_USE_CASES"] = USE_CASE
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "serving"]
        server = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        wait_until_ready(settings.api_port, 1)
        yield
    except BaseException:
        print((folder / "server.log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
