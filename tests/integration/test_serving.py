"""The scoring server as a process, on a real PostgreSQL: nothing answered is lost, and promotions are followed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest

from pipelines.rules.ledger import Served
from pipelines.settings import ROOT
from stack.postgres import Postgres
from tests.conftest import free_port, running
from tests.unit.serving import made

SERVE = """
import logging, sys
from pathlib import Path
from pipelines.settings import Settings
from serving.__main__ import serve
from serving.registry import FolderRegistry
logging.basicConfig(level=logging.INFO)
serve(Settings.load(), FolderRegistry(Path(sys.argv[1])))
"""
AWAY = 30.0  # seconds
SWAPS = 40
NOBODY = "postgresql://nobody:x@127.0.0.1:1/nothing"
Database = psycopg.Connection[Any]


class Server:
    """One server process at a time, on a home and a folder of models that outlive it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.home, self.models, self.port = folder / "home", folder / "models", free_port()
        self.models.mkdir()
        self._url = database_url
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"X-API-Key": "k"}, timeout=10)

    def start(self, *, database_url: str | None = None, ready: bool = True, **settings: str) -> None:
        environment = {
            **os.environ,
            **settings,
            "SIXGATE_HOME": str(self.home),
            "SIXGATE_DATABASE_URL": database_url or self._url,
            "SIXGATE_API_PORT": str(self.port),
            "SIXGATE_API_KEY": "k",
        }
        with (self.models.parent / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(self.models)], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        until(lambda: self.answers("/readyz" if ready else "/healthz"), "the server answers")

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

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
    """Clients that ask without a break until they are told to stop, or nobody answers."""

    def __init__(self, server: Server, clients: int = 3) -> None:
        self._server, self._ended = server, threading.Event()
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
        with httpx.Client(base_url=self._server.client.base_url, headers=self._server.client.headers) as client:
            while not self._ended.is_set():
                try:
                    answer = client.post("/v1/fraud/predict", json=made.row(amount=len(self.answered)))
                except httpx.TransportError as error:
                    self.refused.append(repr(error))
                    return
                if answer.status_code == 200:
                    self.answered.append(answer.json())
                else:
                    self.refused.append(answer.text)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def server(tmp_path: Path, database_url: str, database: Database) -> Iterator[Server]:
    """A server that serves version 1, which the ledger names."""
    made_server = Server(tmp_path, database_url)
    promote(made_server, database, 1, bias=-2)
    made_server.start()
    yield made_server
    made_server.end(signal.SIGKILL)
    made_server.client.close()


def until(holds: Callable[[], Any], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def promote(server: Server, database: Database, version: int, *, bias: float, digest: str | None = None) -> Served:
    """Publish a version and promote it as the promote step does: INTENDED, the alias, DONE."""
    files = made.files(bias=bias)
    served = Served(version, digest or made.served(files).digest)
    made.put(server.models, "fraud", version, files)
    promotion = uuid4()
    enter(database, promotion, "INTENDED", served)
    made.point(server.models, "fraud", version)
    enter(database, promotion, "DONE", served)
    return served


def enter(database: Database, promotion: UUID, state: str, served: Served, before: Served | None = None) -> None:
    database.execute(
        "INSERT INTO promotions (promotion_id, use_case, from_version, from_digest, to_version, to_digest, action, state,"
        " actor, reason) VALUES (%s, 'fraud', %s, %s, %s, %s, 'PROMOTE', %s, 'test', 'test')",
        (promotion, before and before.version, before and before.digest, served.version, served.digest, state),
    )


def logged(database: Database, ids: list[str]) -> int:
    return int(one(database, "SELECT count(*) FROM prediction_logs WHERE prediction_id = ANY(%s::uuid[])", ids))


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
    return int(one(database, "SELECT count(*) FROM monitoring_alerts WHERE cause = %s AND state = 'OPEN'", cause))


def test_every_answer_is_logged_once_also_after_kill_9_in_a_burst(server, database):
    with Traffic(server) as traffic:
        until(lambda: len(traffic.answered) > 300, "a burst is under way")
        server.end(signal.SIGKILL)
    ids = [answer["prediction_id"] for answer in traffic.answered]
    assert len(ids) > 300
    server.start()
    after = server.predict()
    until(lambda: logged(database, [*ids, after["prediction_id"]]) == len(ids) + 1, "all of them are logged")
    until(lambda: not list((server.home / "journal").glob("*/*.jsonl")), "the journal is shipped and deleted")
    assert logged(database, ids) == len(set(ids)) == len(ids)


def test_a_logged_prediction_is_what_was_answered(server, database):
    answer = server.predict(transaction_id="whole", customer_id="c-1", amount=70, event_time="2026-01-05T08:00:00+00:00")
    until(lambda: logged(database, [answer["prediction_id"]]), "it is logged")
    row = database.execute(
        "SELECT p.score, p.predicted_label, p.threshold, p.model_version, p.contract_hash, v.amount, v.customer_rush,"
        " v.event_time, v.entity_key, p.scored_at FROM prediction_logs AS p JOIN fraud_predictions AS v"
        " USING (prediction_id) WHERE prediction_id = %s",
        (answer["prediction_id"],),
    ).fetchone()
    assert row
    assert row[:4] == (answer["score"], answer["predicted_label"], answer["threshold"], answer["model_version"])
    assert row[4:7] == (made.FRAUD.hash, 70.0, 0.0)
    assert row[7].isoformat() == "2026-01-05T08:00:00+00:00" and row[8] == "c-1"
    assert row[9].timestamp() * 1000 == pytest.approx(UUID(answer["prediction_id"]).int >> 80)


def test_a_promotion_is_followed_under_traffic_without_a_failed_request(server, database):
    with Traffic(server) as traffic:
        until(lambda: len(traffic.answered) > 50, "version 1 answers")
        served = promote(server, database, 2, bias=2)
        until(lambda: traffic.answered[-1]["model_version"] == 2, "version 2 answers")
        so_far = len(traffic.answered)
        until(lambda: len(traffic.answered) > so_far + 50, "and goes on answering")
    assert traffic.refused == []
    assert {answer["model_version"] for answer in traffic.answered} == {1, 2}
    until(lambda: report(server, database, "digest") == served.digest, "it is acknowledged")
    assert report(server, database, "error") is None


def test_an_alias_moved_by_hand_leaves_the_old_model_and_opens_one_alert(server, database):
    until(lambda: report(server, database, "version") == 1, "version 1 is acknowledged")
    made.put(server.models, "fraud", 9, made.files(bias=9))
    made.point(server.models, "fraud", 9)
    until(lambda: open_alerts(database) == 1, "an alert is open", seconds=30)
    until(lambda: "version 9" in (report(server, database, "error") or ""), "the replica says why")
    assert server.version == 1 and server.predict()["model_version"] == 1
    made.point(server.models, "fraud", 1)
    until(lambda: open_alerts(database) == 0, "the alert is resolved")
    until(lambda: report(server, database, "error") is None, "the replica is content")


def test_a_model_that_is_not_what_the_ledger_names_does_not_serve(server, database):
    promote(server, database, 3, bias=3, digest="0" * 64)
    until(lambda: "digest" in (report(server, database, "error") or ""), "the refusal is reported")
    assert server.predict()["model_version"] == 1
    until(lambda: open_alerts(database, "model_refused") == 1, "an alert is open")
    promote(server, database, 4, bias=4)
    until(lambda: server.version == 4, "a whole version serves")
    until(lambda: report(server, database, "error") is None, "the refusal is forgotten")
    until(lambda: open_alerts(database, "model_refused") == 0, "the alert is resolved")


def test_a_promotion_taken_back_brings_the_old_model_back(server, database):
    first = Served(1, made.served(made.files(bias=-2)).digest)
    files = made.files(bias=5)
    second, promotion = made.served(files, 5), uuid4()
    made.put(server.models, "fraud", 5, files)
    enter(database, promotion, "INTENDED", second, first)
    made.point(server.models, "fraud", 5)
    until(lambda: server.version == 5, "version 5 serves")
    enter(database, promotion, "ROLLED_BACK", second, first)
    made.point(server.models, "fraud", 1)
    until(lambda: server.version == 1, "version 1 serves again")
    assert open_alerts(database) == 0


def test_without_registry_and_database_the_last_model_serves_and_answers_are_kept(server, database):
    until(lambda: report(server, database, "version") == 1, "version 1 is acknowledged")
    server.end()
    server.models.rename(server.models.with_name("away"))
    server.start(database_url=NOBODY)
    kept = [server.predict()["prediction_id"] for _ in range(5)]
    known = server.client.get(f"/v1/fraud/predictions/{kept[0]}")
    assert known.status_code == 503 and int(known.headers["retry-after"]) > 0
    server.end(signal.SIGKILL)
    server.start()
    assert server.version == 1
    until(lambda: "registry is away" in (report(server, database, "error") or ""), "the replica says what is missing")
    until(lambda: logged(database, kept) == 5, "what was answered meanwhile is logged")
    server.models.with_name("away").rename(server.models)
    until(lambda: report(server, database, "error") is None, "the model is confirmed")


def test_a_database_that_is_away_under_load_costs_no_answer(tmp_path):
    password = secrets.token_urlsafe(16)
    postgres = Postgres.embedded(tmp_path, instance=f"test-{secrets.token_hex(8)}", port=free_port())
    postgres.initialise(password)
    url = postgres.url(password, "postgres")
    server = Server(tmp_path, url)
    try:
        with running(postgres, password):
            environment = {**os.environ, "SIXGATE_DATABASE_URL": url, "SIXGATE_HOME": str(tmp_path / "home")}
            subprocess.run([sys.executable, "-m", "pipelines.stores.schema"], cwd=ROOT, env=environment, check=True)
            with psycopg.connect(url, autocommit=True) as database:
                promote(server, database, 1, bias=-2)
            server.start()
            traffic = Traffic(server)
            traffic.__enter__()
            until(lambda: len(traffic.answered) > 100, "traffic is under way")
        away = len(traffic.answered)
        time.sleep(AWAY)
        assert len(traffic.answered) > away + 100
        assert "sixgate_journal_bytes 0.0" not in server.client.get("/metrics").text
        with running(postgres, password):
            until(lambda: len(traffic.answered) > away + 300, "traffic goes on")
            traffic.__exit__()
            ids = [answer["prediction_id"] for answer in traffic.answered]
            with psycopg.connect(url, autocommit=True) as database:
                until(lambda: logged(database, ids) == len(ids), "everything that was answered is logged")
                assert one(database, "SELECT count(*) FROM prediction_logs") == len(ids) == len(set(ids))
            assert traffic.refused == []
            server.end()
    finally:
        server.end(signal.SIGKILL)
        server.client.close()
        postgres.delete()


def test_at_the_disk_bound_the_server_refuses_and_goes_on_once_it_can_ship(server, database):
    server.end()
    server.start(database_url=NOBODY, SIXGATE_JOURNAL_BYTES=str(2**20))
    answered: list[str] = []
    while (answer := server.client.post("/v1/fraud/predict/batch", json={"rows": [made.row()] * 500})).status_code == 200:
        answered += [prediction["prediction_id"] for prediction in answer.json()["predictions"]]
        assert len(answered) < 10_000
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert "predictions go on once the database takes them again" in answer.json()["detail"]
    assert server.client.get("/readyz").status_code == 503
    assert server.client.get("/healthz").status_code == 200
    held = sum(file.stat().st_size for file in (server.home / "journal").rglob("*") if file.is_file())
    assert held <= 2**20
    server.end()
    server.start(SIXGATE_JOURNAL_BYTES=str(2**20))
    until(lambda: logged(database, answered) == len(answered), "what was answered is logged")
    server.predict()


def test_what_is_logged_and_was_not_answered_was_under_way_when_it_was_killed(server, database):
    clients = 4
    before = one(database, "SELECT count(*) FROM prediction_logs")
    with Traffic(server, clients) as traffic:
        until(lambda: len(traffic.answered) > 200, "traffic is under way")
        server.end(signal.SIGKILL)
    server.start()
    until(lambda: not list((server.home / "journal").glob("*/*.jsonl")), "the journal is shipped")
    found = one(database, "SELECT count(*) FROM prediction_logs") - before
    assert len(traffic.answered) <= found <= len(traffic.answered) + clients


def test_swaps_under_load_are_never_noticed(server, database):
    promote(server, database, 101, bias=-1)
    until(lambda: server.version == 101, "version 101 serves")
    process = psutil.Process(server.pid)
    handles = process.num_fds()
    with Traffic(server) as traffic:
        for version in range(102, 102 + SWAPS):
            promote(server, database, version, bias=version % 2)
            until(lambda version=version: server.version == version, f"version {version} serves")
    assert traffic.refused == []
    assert len({answer["model_version"] for answer in traffic.answered}) > SWAPS / 2
    assert process.num_fds() <= handles + 5


def test_connections_that_break_are_made_again(server, database):
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sixgate'")
    answer = server.predict()
    until(lambda: logged(database, [answer["prediction_id"]]), "the shipper is back")
    served = promote(server, database, 6, bias=6)
    until(lambda: report(server, database, "digest") == served.digest, "reloader and heartbeat are back")


def test_a_graceful_stop_ships_all_and_is_not_waited_for(server, database):
    until(lambda: report(server, database, "version") == 1, "version 1 is acknowledged")
    ids = [server.predict()["prediction_id"] for _ in range(20)]
    server.end()
    assert logged(database, ids) == 20
    assert report(server, database, "version") is None
    assert not [path for path in (server.home / "journal").iterdir() if path.is_dir()]


def test_labels_are_accepted_once_and_corrections_are_kept(server, database):
    ids = [uuid4().hex for _ in range(3)]

    def post(*labels: tuple[str, int]) -> dict[str, int]:
        body = {"labels": [{"transaction_id": name, "label": label} for name, label in labels]}
        answer = server.client.post("/v1/fraud/labels", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    first = [(ids[0], 1), (ids[1], 0), (ids[2], 0)]
    assert post(*first) == {"accepted": 3, "corrected": 0, "duplicate": 0}
    assert post(*first) == {"accepted": 0, "corrected": 0, "duplicate": 3}
    assert post((ids[1], 1), (ids[2], 0)) == {"accepted": 0, "corrected": 1, "duplicate": 1}
    count = "SELECT count(*) FROM label_store WHERE transaction_id = ANY(%s)"
    assert one(database, count, ids) == 4
    assert one(database, "SELECT label FROM current_labels WHERE transaction_id = %s", ids[1]) == 1
    assert one(database, "SELECT DISTINCT source FROM label_store WHERE transaction_id = ANY(%s)", ids) == "api:admin"


def test_a_prediction_and_its_explanation_can_be_looked_up(server, database):
    answer = server.predict(amount=12.5)
    path = f"/v1/fraud/predictions/{answer['prediction_id']}"
    at_once = server.client.get(path)
    assert at_once.status_code == 200 and at_once.json()["features"]["amount"] == 12.5
    until(lambda: server.client.get(path).json()["logged"], "it is logged")
    assert server.client.get(path).json()["features"] == at_once.json()["features"]
    assert server.client.get(f"{path}/explanation").json()["status"] == "NOT_REQUESTED"

    asked = server.client.post(f"{path}/explanation")
    assert (asked.status_code, asked.json()["status"]) == (202, "PENDING")
    pending = server.client.get(f"{path}/explanation")
    assert pending.status_code == 202 and int(pending.headers["retry-after"]) > 0

    database.execute(
        "UPDATE explanations SET status = 'COMPLETED', base_value = -1, contributions = %s::jsonb WHERE prediction_id = %s",
        ('{"during_night": 0.1, "amount": -0.5, "customer_rush": 0.2}', answer["prediction_id"]),
    )
    known = server.client.get(f"{path}/explanation")
    assert known.status_code == 200 and known.json()["base_value"] == -1
    contributions = known.json()["contributions"]
    assert [one["feature"] for one in contributions] == ["amount", "customer_rush", "during_night"]
    assert (contributions[0]["value"], contributions[0]["contribution"]) == (12.5, -0.5)
    assert all(one["description"] for one in contributions)

    database.execute(
        "UPDATE explanations SET status = 'FAILED', error = 'no model' WHERE prediction_id = %s", (answer["prediction_id"],)
    )
    failed = server.client.get(f"{path}/explanation")
    assert failed.status_code == 200 and failed.json()["error"] == "no model"


def test_workers_are_replicas_of_their_own_and_one_that_is_killed_is_replaced_under_load(server, database):
    server.end()
    server.start(SIXGATE_API_WORKERS="2")
    until(lambda: live_replicas(database, server) == 2, "both workers acknowledge")
    family = psutil.Process(server.pid)
    workers = {process.pid for process in family.children() if "spawn_main" in " ".join(process.cmdline())}
    assert len(workers) == 2
    before = one(database, "SELECT count(*) FROM prediction_logs")
    with Traffic(server, clients=8) as traffic:
        until(lambda: len(traffic.answered) > 300, "traffic is under way")
        os.kill(min(workers), signal.SIGKILL)
        until(lambda: answering_after_a_while(server, traffic), "the other worker goes on")
    served = promote(server, database, 200, bias=1)
    until(lambda: digests(database, server) == [served.digest] * 2, "the new worker and the old one follow")
    ids = [answer["prediction_id"] for answer in traffic.answered]
    until(lambda: logged(database, ids) == len(ids), "everything that was answered is logged")
    found = one(database, "SELECT count(*) FROM prediction_logs") - before
    assert len(ids) <= found <= len(ids) + 8
    counted = 'sixgate_requests_total{route="/v1/fraud/predict",status="200",worker='
    until(lambda: server.client.get("/metrics").text.count(counted) >= 1, "figures are told apart by worker")
    server.end(signal.SIGKILL)
    until(lambda: not server.answers("/healthz"), "without its parent no worker stays")
    server.start()
    assert server.version == 200


def live_replicas(database: Database, server: Server) -> int:
    return len(digests(database, server))


def digests(database: Database, server: Server) -> list[str]:
    rows = database.execute(
        "SELECT digest FROM serving_replicas WHERE replica LIKE %s AND seen_at > now() - interval '6 seconds'",
        (f"%-{server.port}-%",),
    ).fetchall()
    return [row[0] for row in rows]


def answering_after_a_while(server: Server, traffic: Traffic) -> bool:
    known = len(traffic.answered)
    time.sleep(1)
    return len(traffic.answered) > known + 50


def test_the_newest_drift_figures_are_shown(server, database):
    database.execute(
        "INSERT INTO monitoring_metrics (use_case, check_id, window_start, window_end, model_version, feature, metric, value,"
        " expected, n) VALUES ('fraud', 'c', now() - interval '1 day', now(), 0, 'amount', 'psi', 0.25, 0.03, 500)"
    )
    server.end()
    server.start()
    line = 'sixgate_drift{feature="amount",metric="psi",model_version="0",use_case="fraud"} 0.25'
    until(lambda: line in server.client.get("/metrics").text, "the figure is shown")


def test_an_unknown_prediction_is_not_found_and_a_fresh_one_is_pending(server):
    old = f"/v1/fraud/predictions/{UUID(int=7 << 76 | 0b10 << 62)}"
    assert server.client.get(old).status_code == server.client.get(f"{old}/explanation").status_code == 404
    fresh = UUID(int=int(time.time() * 1000) << 80 | 7 << 76 | 0b10 << 62)
    assert "not be shipped yet" in server.client.get(f"/v1/fraud/predictions/{fresh}").json()["detail"]
    answer = server.client.get(f"/v1/fraud/predictions/{fresh}/explanation")
    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
