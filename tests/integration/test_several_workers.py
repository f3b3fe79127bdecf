"""`python -m serving` as documented, with one worker and with several: it starts, counts, and says why it can't start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.candidates import Lifecycle
from tests.integration.server import Server, Traffic, until

KILLS = 5
PREDICT = "/v1/fraud/predict"


@pytest.fixture(scope="module")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[str]:
    """An MLflow in which version 1 is Production, promoted by the step."""
    lifecycle = Lifecycle(tmp_path_factory.mktemp("lifecycle"), database_url)
    lifecycle.start_mlflow()
    decision, _ = lifecycle.candidate("first", bias=-2)
    assert lifecycle.promote(decision) == "DONE"
    yield lifecycle.mlflow_uri
    lifecycle.stop_mlflow()


@pytest.mark.parametrize("workers", ["1", "2", "4"])
def test_the_documented_start_serves_what_mlflow_calls_production(
    workers, tmp_path, database_url, mlflow_uri
):
    server = Server(tmp_path, database_url, mlflow_uri)
    try:
        server.start(SIXGATE_API_WORKERS=workers)
        assert server.predict()["model_version"] == 1
        assert len(pids(server)) == (int(workers) if workers != "1" else 0)
        server.end()
        assert server.process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in server.log.read_text()
    finally:
        server.end(signal.SIGKILL)
        server.client.close()


def test_without_a_kill_the_workers_count_every_request_once(server):
    server.end()
    server.start(SIXGATE_API_WORKERS="2")
    with Traffic(server, clients=8) as traffic:
        until(lambda: len(traffic.answered) > 1500, "traffic is under way")
    until(
        lambda: counted(scrape(server)) == len(traffic.answered),
        "the sum over the workers is what was answered",
    )
    until(
        lambda: (
            len({worker for name, _, worker in scrape(server) if name == "sixgate_requests_total"})
            == 2
        ),
        "both count",
    )
    assert traffic.refused == [], "a worker that has just started has a model already"


def test_no_counter_falls_when_workers_are_killed_under_load(server):
    server.end()
    server.start(SIXGATE_API_WORKERS="2")
    with Traffic(server, clients=1):
        until(lambda: len(pids(server)) == 2, "both workers run")
    ended = threading.Event()
    scrapes: list[list[Counter[str]]] = [[], []]

    def watch(kept: list[Counter[str]]) -> None:
        while not ended.is_set():
            try:
                kept.append(sums(scrape(server)))
            except httpx.TransportError:  # of the worker that was just killed
                continue

    watchers = [threading.Thread(target=watch, args=(kept,)) for kept in scrapes]
    for watcher in watchers:
        watcher.start()
    for kill in range(KILLS):
        with Traffic(server, clients=4) as traffic:
            until(lambda: len(traffic.answered) > 300, "traffic is under way")
            before = pids(server)
            killed = sorted(before)[kill % 2]
            os.kill(killed, signal.SIGKILL)
            until(lambda before=before: len(pids(server) - before) == 1, "a new worker runs")
        seen = [len(kept) for kept in scrapes]
        until(
            lambda seen=seen: all(
                len(kept) > at + 5 for kept, at in zip(scrapes, seen, strict=True)
            ),
            "they are scraped",
        )
    ended.set()
    for watcher in watchers:
        watcher.join()
    for kept in scrapes:
        assert len(kept) > 50
        pairs = pairwise(kept)
        falls = [
            (name, early[name], late[name])
            for early, late in pairs
            for name in early
            if late[name] < early[name]
        ]
        assert falls == []
    assert scrapes[0][-1]["sixgate_requests_total"] > KILLS * 200
    folders = [path for path in (server.home / "metrics").iterdir() if path.is_dir()]
    assert len(folders) == 1
    assert len(list(folders[0].glob("*.prom"))) <= 3

    server.end()
    server.start(SIXGATE_API_WORKERS="2")
    assert counted(scrape(server)) == 0, "a new server starts anew"


Series = tuple[str, str, str]


def scrape(server: Server) -> dict[Series, float]:
    """Counters and histograms by sample, labels and worker; a connection of its own, so that any worker may answer."""
    answer = httpx.get(f"http://127.0.0.1:{server.port}/metrics", timeout=10)
    assert answer.status_code == 200
    found: dict[Series, float] = {}
    for family in text_string_to_metric_families(answer.text):
        if family.type in ("counter", "histogram"):
            for sample in family.samples:
                labels = json.dumps(
                    {name: value for name, value in sample.labels.items() if name != "worker"},
                    sort_keys=True,
                )
                found[sample.name, labels, sample.labels["worker"]] = sample.value
    return found


def sums(found: dict[Series, float]) -> Counter[str]:
    """What must never fall: each series, each series over the workers, and each sample over everything."""
    result: Counter[str] = Counter()
    for (name, labels, worker), value in found.items():
        result[name] += value
        result[f"{name} {labels}"] += value
        result[f"{name} {labels} {worker}"] += value
    return result


def counted(found: dict[Series, float]) -> float:
    """Predictions that were answered."""
    return sum(
        value
        for (name, labels, _), value in found.items()
        if name == "sixgate_requests_total" and PREDICT in labels
    )


def pids(server: Server) -> set[int]:
    """The workers that live."""
    found = set()
    for child in psutil.Process(server.pid).children():
        with contextlib.suppress(
            psutil.NoSuchProcess
        ):  # it died just now, or nobody has asked for its exit code yet
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found
