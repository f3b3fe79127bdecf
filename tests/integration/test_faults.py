"""Faults for real: nothing answered is lost, nothing is logged twice, and the server goes on."""

from __future__ import annotations

import os
import secrets
import signal
import time

import psutil
import psycopg

from stack.processes.postgres import Postgres
from stack.temporary_services import free_port, migrate, running
from tests.integration.server import (
    NOBODY,
    Database,
    Server,
    Traffic,
    logged,
    one,
    promote,
    report,
    until,
)
from tests.thoroughness import THOROUGH
from tests.unit.serving import made

AWAY = 30.0 if THOROUGH else 10.0  # seconds
SWAPS = 40


def test_every_answer_is_logged_once_also_after_kill_9_in_a_burst(server, database):
    with Traffic(server) as traffic:
        until(lambda: len(traffic.answered) > 300, "a burst is under way")
        server.end(signal.SIGKILL)
    ids = [answer["prediction_id"] for answer in traffic.answered]
    assert len(ids) > 300
    server.start()
    after = server.predict()
    until(
        lambda: logged(database, [*ids, after["prediction_id"]]) == len(ids) + 1,
        "all of them are logged",
    )
    until(
        lambda: not list((server.home / "journal").glob("*/*.jsonl")),
        "the journal is shipped and deleted",
    )
    assert logged(database, ids) == len(set(ids)) == len(ids)


def test_a_database_that_is_away_under_load_costs_no_answer(tmp_path):
    password = secrets.token_urlsafe(16)
    postgres = Postgres.embedded(
        tmp_path, instance=f"test-{secrets.token_hex(8)}", port=free_port()
    )
    postgres.initialise(password)
    url = postgres.url(password, "postgres")
    server = Server(tmp_path, url)
    try:
        with running(postgres, password):
            migrate(url, tmp_path / "home")
            with psycopg.connect(url, autocommit=True) as database:
                promote(server, database, 1, bias=-2)
            server.start()
            traffic = Traffic(server, pause=0.005)
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
                until(
                    lambda: logged(database, ids) == len(ids),
                    "everything that was answered is logged",
                )
                assert (
                    one(database, "SELECT count(*) FROM prediction_logs")
                    == len(ids)
                    == len(set(ids))
                )
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
    while (
        answer := server.client.post("/v1/fraud/predict/batch", json={"rows": [made.row()] * 500})
    ).status_code == 200:
        answered += [prediction["prediction_id"] for prediction in answer.json()["predictions"]]
        assert len(answered) < 10_000
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert "predictions are accepted again once" in answer.json()["detail"]
    assert server.client.get("/readyz").status_code == 503
    assert server.client.get("/healthz").status_code == 200
    held = sum(
        file.stat().st_size for file in (server.home / "journal").rglob("*") if file.is_file()
    )
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
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sixgate'"
    )
    answer = server.predict()
    until(lambda: logged(database, [answer["prediction_id"]]), "the shipper is back")
    served = promote(server, database, 6, bias=6)
    until(
        lambda: report(server, database, "digest") == served.digest,
        "reloader and heartbeat are back",
    )


def test_workers_are_replicas_of_their_own_and_one_that_is_killed_is_replaced_under_load(
    server, database
):
    server.end()
    server.start(SIXGATE_API_WORKERS="2")
    until(lambda: live_replicas(database, server) == 2, "both workers acknowledge")
    family = psutil.Process(server.pid)
    workers = {
        process.pid for process in family.children() if "spawn_main" in " ".join(process.cmdline())
    }
    assert len(workers) == 2
    before = one(database, "SELECT count(*) FROM prediction_logs")
    with Traffic(server, clients=8) as traffic:
        until(lambda: len(traffic.answered) > 300, "traffic is under way")
        os.kill(min(workers), signal.SIGKILL)
        until(lambda: answering_after_a_while(server, traffic), "the other worker goes on")
    served = promote(server, database, 200, bias=1)
    until(
        lambda: digests(database, server) == [served.digest] * 2,
        "the new worker and the old one follow",
    )
    ids = [answer["prediction_id"] for answer in traffic.answered]
    until(lambda: logged(database, ids) == len(ids), "everything that was answered is logged")
    found = one(database, "SELECT count(*) FROM prediction_logs") - before
    assert len(ids) <= found <= len(ids) + 8
    counted = 'sixgate_requests_total{route="/v1/fraud/predict",status="200",worker='
    until(
        lambda: server.client.get("/metrics").text.count(counted) >= 1,
        "figures are told apart by worker",
    )
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
    until(
        lambda: "registry is not reachable" in (report(server, database, "error") or ""),
        "the replica says what is missing",
    )
    until(lambda: logged(database, kept) == 5, "what was answered meanwhile is logged")
    server.models.with_name("away").rename(server.models)
    until(lambda: report(server, database, "error") is None, "the model is confirmed")
