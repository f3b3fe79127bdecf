"""A scoring server as a process of its own, traffic for it, and what the database says of both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg

from pipelines.rules.promotion.ledger import Served
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT
from stack.temporary_services import free_port
from tests.unit.serving import made

NOBODY = "postgresql://nobody:x@127.0.0.1:1/nothing"
Database = psycopg.Connection[Any]


class Server:
    """One server process at a time, on a home that outlives it; its registry is a folder, or MLflow at an address."""

    def __init__(self, folder: Path, database_url: str, mlflow_uri: str | None = None) -> None:
        self.home, self.models, self.port = folder / "home", folder / "models", free_port()
        self.models.mkdir()
        self.log = folder / "server.log"
        self._url, self._mlflow = database_url, mlflow_uri
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"X-API-Key": "k"}, timeout=10
        )

    def start(
        self, *, database_url: str | None = None, ready: bool = True, **settings: str
    ) -> None:
        environment = {
            **os.environ,
            "SIXGATE_USE_CASES": "fraud",  # the only one that most tests promote
            **settings,
            "SIXGATE_HOME": str(self.home),
            "SIXGATE_DATABASE_URL": database_url or self._url,
            "SIXGATE_API_PORT": str(self.port),
            "SIXGATE_API_KEY": "k",
        }
        if self._mlflow:
            environment["SIXGATE_MLFLOW_TRACKING_URI"] = self._mlflow
        else:
            environment["SIXGATE_MODEL_FOLDER"] = str(self.models)
        command = [sys.executable, "-m", "serving"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        until(lambda: self.answers("/readyz" if ready else "/healthz"), "the server answers")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait(20)

    def answers(self, path: str) -> bool:
        try:
            return self.client.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def predict(self, **values: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/fraud/predict", json=made.row(**values))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    @property
    def version(self) -> int:
        return int(self.client.get("/v1/fraud/model").json()["version"])


class Traffic:
    """Clients that ask until they are told to stop, or nothing listens any more.

    One whose connection breaks asks on over a new one, as another worker may still answer. Each
    waits for `pause` seconds between two requests.
    """

    def __init__(self, server: Server, clients: int = 3, pause: float = 0) -> None:
        self._server, self._pause, self._ended = server, pause, threading.Event()
        self.answered: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(
            base_url=self._server.client.base_url, headers=self._server.client.headers
        ) as client:
            while not self._ended.wait(self._pause):
                try:
                    answer = client.post(
                        "/v1/fraud/predict", json=made.row(amount=len(self.answered))
                    )
                except httpx.ConnectError as error:
                    self.refused.append(repr(error))
                    return
                except httpx.TransportError as error:
                    self.refused.append(repr(error))
                    continue
                if answer.status_code == 200:
                    self.answered.append(answer.json())
                else:
                    self.refused.append(answer.text)


def until(holds: Callable[[], Any], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def promote(
    server: Server,
    database: Database,
    version: int,
    *,
    bias: float,
    digest: str | None = None,
    contract: Contract = made.FRAUD,
) -> Served:
    """Publish a version and promote it as the promote step does: INTENDED, the alias, DONE."""
    use_case = contract.use_case
    files = made.files(contract, bias=bias)
    served = Served(version, digest or made.served(files).digest)
    made.put(server.models, use_case, version, files | made.explainer(contract, bias=bias))
    promotion = uuid4()
    enter(database, promotion, "INTENDED", served, use_case=use_case)
    made.point(server.models, use_case, version)
    enter(database, promotion, "DONE", served, use_case=use_case)
    return served


def enter(
    database: Database,
    promotion: UUID,
    state: str,
    served: Served,
    before: Served | None = None,
    *,
    use_case: str = "fraud",
) -> None:
    database.execute(
        "INSERT INTO promotions (promotion_id, use_case, from_version, from_digest, to_version, to_digest, action, state,"
        " actor, reason) VALUES (%s, %s, %s, %s, %s, %s, 'PROMOTE', %s, 'test', 'test')",
        (
            promotion,
            use_case,
            before and before.version,
            before and before.digest,
            served.version,
            served.digest,
            state,
        ),
    )


def logged(database: Database, ids: list[str]) -> int:
    return int(
        one(
            database,
            "SELECT count(*) FROM prediction_logs WHERE prediction_id = ANY(%s::uuid[])",
            ids,
        )
    )


def one(database: Database, query: str, *parameters: Any) -> Any:
    row = database.execute(query, parameters).fetchone()
    return row[0] if row else None


def report(server: Server, database: Database, column: str) -> Any:
    """What the server last said of itself."""
    return one(
        database,
        f"SELECT {column} FROM serving_replicas WHERE use_case = 'fraud' AND replica LIKE %s ORDER BY seen_at DESC LIMIT 1",
        f"%-{server.port}-%",
    )


def open_alerts(database: Database, cause: str = "alias_moved_by_hand") -> int:
    return int(
        one(
            database,
            "SELECT count(*) FROM monitoring_alerts WHERE cause = %s AND state = 'OPEN'",
            cause,
        )
    )
