"""A contract changes under traffic: no request of a client that keeps to either contract fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT
from pipelines.use_case import read_contract
from tests.integration.logged import rewrite
from tests.integration.server import Database, Server, enter, one, open_alerts, report, until
from tests.unit.serving import made

NULLABLE = {"type": "float", "range": [0, 100], "nullable": True}


class Files:
    """A root whose contract of fraud tests change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "reference" / "fraud", root / "reference" / "fraud")
        for name in ("sql", "pipelines", "serving"):
            (root / name).symlink_to(ROOT / name)
        self.file = root / "reference" / "fraud" / "contract.yaml"

    @property
    def contract(self) -> Contract:
        return read_contract(self.file.parent)

    def change(self, edit: Callable[[dict[str, Any]], Any]) -> None:
        document = yaml.safe_load(self.file.read_text())
        edit(document["features"])
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))

    def sixgate(self, server: Server, database_url: str, *arguments: str) -> str:
        environment = {
            **os.environ,
            "SIXGATE_ROOT": str(self.root),
            "SIXGATE_HOME": str(server.home),
            "SIXGATE_DATABASE_URL": database_url,
        }
        command = [sys.executable, "-m", "pipelines", *arguments]
        result = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return result.stdout


class Client:
    """A client that keeps to one contract and sends rows without a break."""

    def __init__(self, server: Server, row: dict[str, Any]) -> None:
        self._server = server
        self._row = row
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.accepted = 0
        self.refused: list[str] = []

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _send(self) -> None:
        base = self._server.client
        with httpx.Client(base_url=base.base_url, headers=base.headers) as client:
            while not self._ended.is_set():
                answer = client.post("/v1/fraud/predict", json=self._row)
                if answer.status_code == 200:
                    self.accepted += 1
                else:
                    self.refused.append(answer.text)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def server(files: Files, tmp_path: Path, database: Database, database_url: str) -> Iterator[Server]:
    rewrite(
        database,
        "TRUNCATE contracts, contract_versions, model_metadata, promotions, monitoring_alerts,"
        " prediction_logs, serving_replicas CASCADE",
    )
    running = Server(tmp_path, database_url)
    promote(running, database, 1, files.contract, bias=-2)
    running.start(SIXGATE_ROOT=str(files.root))
    yield running
    running.end(signal.SIGKILL)
    running.client.close()


def promote(
    server: Server, database: Database, version: int, contract: Contract, *, bias: float
) -> None:
    """Publish a version that was trained under a contract, and promote it."""
    from uuid import uuid4

    bundle = made.files(contract, bias=bias)
    served = made.served(bundle, version)
    made.put(server.models, "fraud", version, bundle)
    promotion = uuid4()
    enter(database, promotion, "INTENDED", served)
    made.point(server.models, "fraud", version)
    enter(database, promotion, "DONE", served)


def in_force(server: Server) -> str:
    return str(server.client.get("/readyz").json()["contracts"]["fraud"])


def test_contracts_change_under_traffic_between_promotions_and_restarts(
    server: Server, files: Files, database: Database, database_url: str
) -> None:
    first = files.contract
    old_row = made.row(first)
    with Client(server, old_row) as old:
        until(lambda: old.accepted > 20, "rows are scored")
        files.change(lambda features: features.update(channel={"type": "int"}))
        until(lambda: in_force(server) == files.contract.hash, "the file is picked up")
        second = files.contract
        with Client(server, made.row(second, channel=3)) as new:
            until(lambda: new.accepted > 20, "rows of the new contract are scored")
            promote(server, database, 2, second, bias=1)
            until(lambda: server.version == 2, "a model of the new contract serves")
            files.change(lambda features: features.update(country=NULLABLE))
            files.sixgate(server, database_url, "contract", "apply", "--wait", "20")
            third = files.contract
            assert in_force(server) == third.hash
            with Client(server, made.row(third, country=50.5)) as newest:
                until(lambda: newest.accepted > 20, "rows of the newest contract are scored")
            seen = (old.accepted, new.accepted)
            until(lambda: old.accepted > seen[0] + 20, "rows of the first are scored")
            until(lambda: new.accepted > seen[1] + 20, "rows of the second are scored")
    assert old.refused == new.refused == newest.refused == []
    until(
        lambda: (
            one(database, "SELECT count(*) FROM prediction_logs")
            >= old.accepted + new.accepted + newest.accepted
        ),
        "all are logged",
    )
    rows = database.execute(
        "SELECT DISTINCT contract_hash, model_contract_hash, array_length(features, 1)"
        " FROM prediction_logs"
    ).fetchall()
    width = len(first.columns)
    assert set(rows) == {
        (first.hash, first.hash, width),
        (second.hash, first.hash, width + 1),
        (second.hash, second.hash, width + 1),
        (third.hash, second.hash, width + 2),
    }
    assert one(database, "SELECT count(*) FROM fraud_predictions WHERE country = 50.5") >= 20
    server.end()
    server.start(SIXGATE_ROOT=str(files.root))
    assert server.version == 2
    for row in (old_row, made.row(second, channel=3), made.row(third, country=50.5)):
        assert server.client.post("/v1/fraud/predict", json=row).status_code == 200


def test_a_restart_after_a_change_serves_at_once_without_the_database(
    server: Server, files: Files
) -> None:
    old_row = made.row(files.contract)
    server.end()
    files.change(lambda features: features.update(channel={"type": "int"}))
    nobody = "postgresql://nobody:x@127.0.0.1:1/nothing"
    server.start(database_url=nobody, SIXGATE_ROOT=str(files.root))
    assert server.client.get("/readyz").status_code == 200
    for row in (old_row, made.row(files.contract, channel=1)):
        assert server.client.post("/v1/fraud/predict", json=row).status_code == 200


def test_every_worker_has_the_contract_when_the_command_returns(
    server: Server, files: Files, database_url: str
) -> None:
    old_row = made.row(files.contract)
    server.end()
    server.start(SIXGATE_ROOT=str(files.root), SIXGATE_API_WORKERS="2")
    files.change(lambda features: features.update(channel={"type": "int"}))
    files.sixgate(server, database_url, "contract", "apply", "--wait", "30")
    for _ in range(20):  # new connections, which either worker may take
        for row in (old_row, made.row(files.contract, channel=1)):
            answer = httpx.post(
                f"{server.client.base_url}/v1/fraud/predict",
                json=row,
                headers=server.client.headers,
            )
            assert answer.status_code == 200, answer.text


def test_a_change_that_is_refused_keeps_the_contract_and_raises_one_alert(
    server: Server, files: Files, database: Database
) -> None:
    before = files.file.read_text()
    first = files.contract
    files.change(lambda features: features.update(amount={"type": "bool"}))
    until(lambda: open_alerts(database, "contract_refused") == 1, "an alert is open")
    ready = server.client.get("/readyz")
    assert ready.status_code == 200
    assert "give the feature another name" in ready.json()["faults"]["fraud"]
    assert in_force(server) == first.hash
    assert server.client.post("/v1/fraud/predict", json=made.row(first)).status_code == 200
    files.file.write_text(before)
    until(lambda: open_alerts(database, "contract_refused") == 0, "the alert is resolved")
    assert server.client.get("/readyz").json()["faults"] == {}


def test_an_ended_contract_is_refused_by_a_running_server(
    server: Server, files: Files, database: Database
) -> None:
    first = files.contract
    until(lambda: report(server, database, "contract_hash") == first.hash, "it is reported")
    files.change(lambda features: features.update(channel={"type": "int"}))
    until(lambda: in_force(server) == files.contract.hash, "the file is picked up")
    database.execute(
        "UPDATE contract_versions SET ended_at = now() WHERE contract_hash = %s", (first.hash,)
    )

    def refused() -> bool:
        answer = server.client.post("/v1/fraud/predict", json=made.row(first))
        return answer.status_code == 422

    until(refused, "rows of the ended contract are refused")
