"""Folders of use cases that appear, are corrected or removed while a server answers requests."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from websockets.sync.client import connect

from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT
from pipelines.use_case import read_contract
from tests.integration.candidates import Lifecycle
from tests.integration.logged import rewrite
from tests.integration.server import Database, Server, Traffic, one, promote, until
from tests.thoroughness import THOROUGH
from tests.unit.serving import made

TAKEN_UP_WITHIN = 5  # seconds
FOLLOWED = 10 if THOROUGH else 4  # folders whose model is promoted around the time of take-up


class Files:
    """A root with the use case fraud, to which tests add folders."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("sql", "pipelines", "serving"):
            (path / name).symlink_to(ROOT / name)
        made.copy_fraud(path)

    def copy(self, name: str) -> Contract:
        """Copy the folder of fraud, as a person does, with a contract of its own."""
        folder = self.path / "reference" / name
        new = made.copy_fraud(self.path, f".{name}")
        file = new / "contract.yaml"
        document = yaml.safe_load(file.read_text())
        document["title"] = f"Copy {name}"
        document["features"]["channel"] = {"type": "float", "range": [0, 9], "nullable": True}
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        shutil.copytree(new, folder)
        shutil.rmtree(new)
        return read_contract(folder)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def start(
    files: Files, tmp_path: Path, database: Database, database_url: str
) -> Iterator[Callable[..., Server]]:
    """Start a server of all use cases in the files, of which fraud has a model."""
    rewrite(
        database,
        "TRUNCATE contracts, contract_versions, model_metadata, promotions, monitoring_alerts,"
        " prediction_logs, serving_replicas, quality_counts CASCADE",
    )
    running = Server(tmp_path, database_url)
    promote(running, database, 1, bias=-2)

    def start(**settings: str) -> Server:
        environment = {"SIXGATE_ROOT": str(files.path), "SIXGATE_USE_CASES": "all", **settings}
        running.start(**environment)
        return running

    yield start
    running.end(signal.SIGKILL)
    running.client.close()


class ReadyChecks:
    """Asks `/readyz` until it is told to stop, and keeps the answers that are not 200."""

    def __init__(self, server: Server) -> None:
        self._url = f"{server.client.base_url}/readyz"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.refused: list[str] = []

    def __enter__(self) -> ReadyChecks:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.05):
            answer = httpx.get(self._url, timeout=10)
            if answer.status_code != 200:
                self.refused.append(answer.text)


def fresh(server: Server, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a request over a connection of its own, which any worker may take."""
    headers = {"X-API-Key": "k"}
    url = f"http://127.0.0.1:{server.port}{path}"
    return httpx.request(method, url, headers=headers, timeout=10, **options)


def score(server: Server, contract: Contract, **values: Any) -> httpx.Response:
    path = f"/v1/{contract.use_case}/predict"
    return fresh(server, "POST", path, json=made.row(contract, **values))


def by_all(holds: Callable[[], bool]) -> bool:
    """Whether something holds at so many connections that each of two workers took one."""
    return all(holds() for _ in range(12))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_folder_that_appears_is_served_while_requests_are_answered(
    start: Callable[..., Server], files: Files, database: Database, workers: str
) -> None:
    server = start(SIXGATE_API_WORKERS=workers)
    with Traffic(server, clients=4, pause=0.02) as traffic, ReadyChecks(server) as checks:
        until(lambda: len(traffic.answered) > 100, "requests are answered")
        contract = files.copy("loans")
        began = time.monotonic()
        model = "/v1/loans/model"
        until(
            lambda: by_all(lambda: fresh(server, "GET", model).status_code == 503),
            "every worker has the routes",
            seconds=TAKEN_UP_WITHIN + 20,
        )
        took = time.monotonic() - began
        page = fresh(server, "GET", "/openapi.json").json()
        assert "channel" in page["components"]["schemas"]["LoansTransaction"]["properties"]
        assert page["paths"]["/v1/loans/predict"]["post"]["tags"] == ["Copy loans"]
        assert "no model to serve" in fresh(server, "GET", model).json()["detail"]

        served = promote(server, database, 1, bias=1, contract=contract)
        until(
            lambda: by_all(lambda: score(server, contract).status_code == 200),
            "every worker has the model",
        )
        answers = [score(server, contract, channel=3.5).json() for _ in range(20)]
        ids = [answer["prediction_id"] for answer in answers]
        until(
            lambda: (
                one(
                    database,
                    "SELECT count(*) FROM loans_predictions"
                    " WHERE prediction_id = ANY(%s::uuid[]) AND channel = 3.5",
                    ids,
                )
                == len(ids)
            ),
            "the predictions are logged, and the view shows them",
        )
        replicas = (
            "SELECT count(*) FROM serving_replicas WHERE use_case = 'loans' AND digest = %s"
            " AND contract_hash = %s AND error IS NULL"
        )
        until(
            lambda: one(database, replicas, served.digest, contract.hash) == int(workers),
            "every worker acknowledged",
        )
        assert score(server, contract, amount="a lot").status_code == 422
        counts = (
            "SELECT sum(n) FROM quality_counts WHERE use_case = 'loans' AND field = 'amount'"
            " AND treatment = 'refused'"
        )
        until(lambda: one(database, counts) == 1, "the refused value is counted")
        labels = {"labels": [{"transaction_id": answers[0]["transaction_id"], "label": 1}]}
        receipt = fresh(server, "POST", "/v1/loans/labels", json=labels)
        assert receipt.json()["accepted"] == 1
        until(lambda: "sixgate_model_version" in loans_metrics(server), "there are metrics")
        before = len(traffic.answered)
        until(lambda: len(traffic.answered) > before + 100, "fraud is answered all the time")
    assert traffic.refused == []
    assert checks.refused == []
    assert took < TAKEN_UP_WITHIN, f"it took {took:.1f} s"
    lines = server.log.read_text()
    assert "Traceback" not in lines
    assert lines.count("loans: is served from now on") == int(workers)


def loans_metrics(server: Server) -> str:
    lines = fresh(server, "GET", "/metrics").text.splitlines()
    return "\n".join(line for line in lines if 'use_case="loans"' in line)


def test_the_live_feed_of_a_folder_that_appears_sends_predictions_and_reloads(
    start: Callable[..., Server], files: Files, database: Database
) -> None:
    server = start()
    contract = files.copy("loans")
    until(lambda: fresh(server, "GET", "/v1/loans/model").status_code == 503, "it is served")
    address = f"ws://127.0.0.1:{server.port}/v1/loans/live?sample=1"
    with connect(address, additional_headers={"X-API-Key": "k"}) as socket:

        def heard(kind: str) -> dict[str, Any]:
            while (event := json.loads(socket.recv(timeout=20)))["type"] != kind:
                pass
            return dict(event)

        assert heard("hello")["use_case"] == "loans"
        promote(server, database, 1, bias=1, contract=contract)
        assert heard("reload")["model_version"] == 1
        prediction = score(server, contract).json()
        assert heard("prediction")["prediction_id"] == prediction["prediction_id"]


def test_a_model_that_is_promoted_around_the_time_of_take_up_is_always_loaded(
    start: Callable[..., Server], files: Files, database: Database
) -> None:
    server = start()
    with Traffic(server, clients=4, pause=0.02) as traffic:
        for number in range(FOLLOWED):
            contract = files.copy(f"copy_{number}")
            time.sleep(4 * number / FOLLOWED)  # from before it is taken up to after it
            promote(server, database, 1, bias=1, contract=contract)
            until(
                lambda contract=contract: score(server, contract).status_code == 200,
                f"the model of {contract.use_case} is loaded",
                seconds=15,
            )
    assert traffic.refused == []


def test_a_faulty_folder_disturbs_no_other_and_is_served_once_it_is_corrected(
    start: Callable[..., Server], files: Files, database: Database
) -> None:
    server = start()
    with Traffic(server, clients=4, pause=0.02) as traffic, ReadyChecks(server) as checks:
        contract = files.copy("loans")
        file = files.path / "reference/loans/contract.yaml"
        valid = file.read_text()
        file.write_text(valid.replace("type: float", "type: flaot"))
        until(lambda: "loans" in faults(server), "the fault is shown")
        refused = fresh(server, "POST", "/v1/loans/predict", json={})
        assert refused.status_code == 503
        assert "flaot" in refused.json()["detail"]
        assert 'sixgate_use_case_invalid{use_case="loans"} 1.0' in loans_metrics(server)
        promote(server, database, 2, bias=2)
        until(lambda: server.version == 2, "promotions of others are followed")
        file.write_text(valid)
        until(lambda: faults(server) == {}, "the corrected folder is taken up")
        promote(server, database, 1, bias=1, contract=contract)
        until(lambda: score(server, contract).status_code == 200, "it scores")
    assert traffic.refused == []
    assert checks.refused == []
    assert server.log.read_text().count("loans is not served") == 1


def faults(server: Server) -> dict[str, str]:
    return dict(fresh(server, "GET", "/readyz").json()["faults"])


def test_a_folder_that_was_faulty_at_the_start_is_served_once_it_is_corrected(
    start: Callable[..., Server], files: Files, database: Database
) -> None:
    contract = files.copy("loans")
    file = files.path / "reference/loans/contract.yaml"
    valid = file.read_text()
    file.write_text("a: [")
    server = start()  # it gets ready, because no version of loans is in Production
    ready = fresh(server, "GET", "/readyz").json()
    assert (ready["without_model"], ready["not_in_production"]) == (["loans"], ["loans"])
    file.write_text(valid)
    promote(server, database, 1, bias=1, contract=contract)
    until(lambda: score(server, contract).status_code == 200, "it scores")
    assert fresh(server, "GET", "/readyz").json()["without_model"] == []


def test_a_server_is_not_ready_while_a_faulty_folder_of_the_start_has_a_production_version(
    start: Callable[..., Server], files: Files, database: Database, tmp_path: Path
) -> None:
    contract = files.copy("loans")
    file = files.path / "reference/loans/contract.yaml"
    valid = file.read_text()
    file.write_text("a: [")
    server = start()
    promote(server, database, 1, bias=1, contract=contract)
    until(lambda: not server.answers("/readyz"), "it is not ready", seconds=30)
    assert server.predict()["model_version"] == 1
    file.write_text(valid)
    until(lambda: server.answers("/readyz"), "it is ready with the model of loans")
    assert score(server, contract).status_code == 200


def test_a_removed_folder_is_served_until_the_restart(
    start: Callable[..., Server], files: Files, database: Database
) -> None:
    server = start()
    contract = files.copy("loans")
    promote(server, database, 1, bias=1, contract=contract)
    until(lambda: score(server, contract).status_code == 200, "it scores")
    shutil.rmtree(files.path / "reference/loans")
    until(lambda: "loans" in faults(server), "the missing folder is shown")
    assert score(server, contract).status_code == 200
    assert server.answers("/readyz")
    server.end()
    server = start()
    assert score(server, contract).status_code == 404
    assert faults(server) == {}


def test_a_contract_that_the_database_refuses_disturbs_no_other_use_case(
    start: Callable[..., Server], files: Files, database: Database
) -> None:
    server = start()
    files.copy("loans")
    file = files.path / "reference/loans/contract.yaml"
    document = yaml.safe_load(file.read_text())
    document["features"]["score"] = {"type": "float"}  # a column that the view has already
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    until(lambda: "can't be recorded" in faults(server).get("loans", ""), "the fault is shown")
    promote(server, database, 2, bias=2)
    until(lambda: server.version == 2, "promotions of fraud are followed")
    assert "can't follow promotions" not in server.log.read_text()


def test_a_promotion_by_the_step_is_acknowledged_by_every_worker(
    files: Files, tmp_path: Path, database: Database, database_url: str
) -> None:
    rewrite(database, "TRUNCATE promotions, serving_replicas, model_metadata CASCADE")
    folder = tmp_path / "lifecycle"
    folder.mkdir()
    lifecycle = Lifecycle(folder, database_url, root=files.path)
    lifecycle.start_mlflow()
    server = Server(tmp_path, database_url, lifecycle.mlflow_uri)
    try:
        decision, _ = lifecycle.candidate("first", bias=-2)
        assert lifecycle.promote(decision) == "DONE"
        server.start(SIXGATE_ROOT=str(files.path), SIXGATE_USE_CASES="all", SIXGATE_API_WORKERS="2")
        contract = files.copy("loans")
        model = "/v1/loans/model"
        until(
            lambda: by_all(lambda: fresh(server, "GET", model).status_code == 503), "it is served"
        )
        decision, version = lifecycle.candidate("second", bias=1, contract=contract)
        assert lifecycle.promote(decision, "loans") == "DONE"
        note = one(
            database, "SELECT reason FROM promotions WHERE use_case = 'loans' AND state = 'DONE'"
        )
        assert note == "acknowledged by 2 replicas"
        assert by_all(lambda: score(server, contract).json()["model_version"] == version)
    finally:
        server.end(signal.SIGKILL)
        server.client.close()
        lifecycle.stop_mlflow()
