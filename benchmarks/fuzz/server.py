"""A server to fuzz, of two use cases with small models."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import numpy as np
import xgboost

from pipelines.rules.model.bundle import Calibration, digest
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import FittedModel
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT, Settings
from pipelines.stores.database import connect
from pipelines.stores.ledger import Ledger
from pipelines.use_case import read_contract
from stack.temporary_services import free_port

KEY = "fuzz"
# A contract with every type of feature.
MIXED = {
    "title": "Fuzz",
    "entity_key": "person_id",
    "event_time": "event_time",
    "transaction_id": "transaction_id",
    "label": {"name": "bad"},
    "features": {
        "income": {"type": "float", "range": [0, 1000], "nullable": True},
        "debt": {"type": "float"},
        "age": {"type": "int", "range": [18, 99]},
        "children": {"type": "int", "nullable": True},
        "owner": {"type": "bool"},
        "married": {"type": "bool", "nullable": True},
        "job": {"type": "category", "values": ["none", "self", "staff"]},
        "region": {"type": "category", "values": ["north", "south"], "nullable": True},
    },
    "derived": {"load": {"expression": "where(income > 0, debt / income, 0)"}},
}


@contextlib.contextmanager
def serving(folder: Path, database_url: str) -> Iterator[tuple[int, list[Contract]]]:
    """Run `python -m serving` on an empty folder and database; yield its port and its use cases.

    The block starts when the server is ready. Its log is `server.log` in the folder.
    """
    contracts = write_use_cases(folder)
    settings = Settings(
        root=folder,
        home=folder / "home",
        database_url=database_url,
        api_port=free_port(),
        model_folder=folder / "models",
    )
    for contract in contracts:
        publish(settings, contract)
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "serving"]
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(settings),
            stdout=log,
            stderr=log,
        )
    try:
        wait_until_ready(settings.api_port, len(contracts))
        yield settings.api_port, contracts
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def write_use_cases(folder: Path) -> list[Contract]:
    """Write the use cases: the shipped one, and one with every type of feature."""
    reference = folder / "reference"
    shutil.copytree(ROOT / "reference" / "fraud", reference / "fraud")
    (reference / "fuzz").mkdir()
    (reference / "fuzz" / "contract.yaml").write_bytes(msgspec.json.encode(MIXED))  # JSON is YAML
    return [read_contract(reference / name) for name in ("fraud", "fuzz")]


def model_files(contract: Contract) -> dict[str, bytes]:
    """Return the files of a small model of random labels."""
    random = np.random.default_rng(1)
    rows = random.integers(0, 2, (500, len(contract.columns))).astype(np.float64)
    labels = (rows[:, 0] + random.normal(size=500) > 0.5).astype(np.int8)
    model = xgboost.XGBClassifier(
        n_estimators=10,
        max_depth=3,
        n_jobs=1,
        random_state=1,
    )
    model.fit(rows.astype(np.float32), labels)
    candidate = Candidate(
        fitted=FittedModel(XGBoostEstimator(), model),
        calibration=Calibration(),
        threshold=0.5,
        params={},
        metrics={},
    )
    return pack(candidate, contract, rows[:32])


def publish(settings: Settings, contract: Contract) -> None:
    """Write version 1 to the folder of models, and promote it in the ledger."""
    assert settings.model_folder
    files = model_files(contract)
    version = settings.model_folder / contract.use_case / "1"
    version.mkdir(parents=True)
    for name, content in files.items():
        (version / name).write_bytes(content)
    (version.parent / "production").write_text("1")
    served = Served(1, digest(files))
    with connect(settings, autocommit=True) as connection:
        Ledger(connection).write(
            "DONE",
            promotion_id=uuid4(),
            use_case=contract.use_case,
            from_version=None,
            from_digest=None,
            to_version=served.version,
            to_digest=served.digest,
            action="PROMOTE",
            actor="fuzz",
            reason="fuzz",
            decision_id=None,
            evidence_hash=None,
        )


def environment(settings: Settings) -> dict[str, str]:
    """Return the server's environment: without a rate limit, and with an allowed origin."""
    return {
        **os.environ,
        "SIXGATE_ROOT": str(settings.root),
        "SIXGATE_HOME": str(settings.home),
        "SIXGATE_MODEL_FOLDER": str(settings.model_folder),
        "SIXGATE_DATABASE_URL": settings.database_url,
        "SIXGATE_API_PORT": str(settings.api_port),
        "SIXGATE_API_KEY": KEY,
        "SIXGATE_RATE_LIMIT": "100000000/second",
        "SIXGATE_CORS_ORIGINS": "https://shop.example",
    }


def wait_until_ready(port: int, use_cases: int, seconds: float = 60) -> None:
    """Return when every use case has a model."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            response = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2)
            if response.status_code == 200 and len(response.json()["models"]) == use_cases:
                return
        time.sleep(0.05)
    raise SystemExit(f"the server on port {port} was not ready within {seconds:.0f} s")


def tracebacks(log: Path) -> int:
    """Return the number of tracebacks in a server's log."""
    with log.open("rb") as lines:
        return sum(line.count(b"Traceback (most recent call last)") for line in lines)
