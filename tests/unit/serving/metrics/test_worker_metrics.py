"""Metrics of several workers: labelled by slot; no counter falls when a worker is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.settings import ROOT, Settings
from serving.metrics.metrics import Metrics
from serving.metrics.worker_metrics import (
    MetricSnapshots,
    families,
    merged,
    shared_folder,
    take_slot,
)
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT

WORKER = """
import sys
from pathlib import Path
from serving.metrics.metrics import Metrics
from serving.metrics.worker_metrics import MetricSnapshots

metrics = Metrics()
snapshots = MetricSnapshots(Path(sys.argv[1]), metrics)
metrics.version.labels("fraud").set(7)
for line in sys.stdin:
    metrics.shipped.inc(int(line))
    metrics.prediction_counts("fraud").count([0.5] * int(line), 0)
    snapshots.text()
    print(snapshots.slot, flush=True)
"""
VERSION_OF_WORKER_2 = 'sixgate_model_version{use_case="fraud",worker="2"} 7.0'
FILES_OF_2_WORKERS = {"server.lock", "lock", "1.lock", "2.lock", "1.prom", "2.prom"}


class Worker:
    """A process with a worker's metrics; it counts on request, and can be killed."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", WORKER, str(folder)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def count(self, number: int) -> int:
        """Count predictions, show the metrics, and return the worker's slot."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with shared_folder(Settings(home=tmp_path)) as folder:
        yield folder


def total(text: bytes, sample: str) -> float:
    """The sum of a counter over all workers and labels."""
    sum_ = 0.0
    for family in text_string_to_metric_families(text.decode()):
        for candidate in family.samples:
            if candidate.name == sample:
                sum_ += candidate.value
    return sum_


def shipped(snapshots: MetricSnapshots) -> float:
    return total(snapshots.text(), "sixgate_shipped_rows_total")


def scored(snapshots: MetricSnapshots) -> float:
    return total(snapshots.text(), "sixgate_score_count")


def limit_snapshots(folder: Path, caller: str, count: int) -> MetricSnapshots:
    """The snapshots of a worker that has refused some requests of a caller."""
    metrics = Metrics()
    metrics.limited.labels(caller).inc(count)
    return MetricSnapshots(folder, metrics)


def test_metrics_of_several_workers_are_labelled_and_form_one_valid_text(service, client):
    client.predict(made.row())
    text = service.metrics.text().decode()
    metrics = families(text)
    both = merged({"1": metrics, "2": metrics}).decode()
    assert f'sixgate_requests_total{{route="{PREDICT}",status="200",worker="1"}} 1.0' in both
    samples = families(both)["sixgate_requests"].samples
    workers = {sample.labels["worker"] for sample in samples}
    assert workers == {"1", "2"}
    assert both.count("# TYPE sixgate_request_seconds histogram") == 1


def test_a_worker_takes_the_lowest_slot_that_is_free(folder):
    slots = []
    locks = []
    for _ in range(3):
        slot, lock = take_slot(folder)
        slots.append(slot)
        locks.append(lock)
    assert slots == [1, 2, 3]
    os.close(locks.pop(1))
    slot, lock = take_slot(folder)
    assert slot == 2
    for open_lock in (*locks, lock):
        os.close(open_lock)


def test_counts_that_a_killed_worker_has_shown_stay_and_its_gauges_do_not(folder):
    sibling = MetricSnapshots(folder, Metrics())
    worker = Worker(folder)
    assert worker.count(100) == 2
    assert VERSION_OF_WORKER_2 in sibling.text().decode()
    worker.kill()
    assert shipped(sibling) == 100
    assert scored(sibling) == 100
    assert "sixgate_model_version{" not in sibling.text().decode()
    sibling.stop()


def test_the_next_worker_in_a_slot_continues_its_counters(folder):
    sibling = MetricSnapshots(folder, Metrics())
    worker = Worker(folder)
    worker.count(100)
    worker.kill()
    successor = Worker(folder)
    assert successor.count(0) == 2
    assert shipped(sibling) == 100
    successor.count(11)
    assert shipped(sibling) == 111
    assert scored(sibling) == 111
    assert VERSION_OF_WORKER_2 in sibling.text().decode()
    successor.kill()
    assert shipped(sibling) == 111
    sibling.stop()


def test_a_series_that_only_a_former_worker_had_stays(folder):
    limit_snapshots(folder, "shop", 3).stop()
    second = limit_snapshots(folder, "desk", 1)
    text = second.text().decode()
    assert second.slot == 1
    assert 'sixgate_rate_limited_total{caller="shop",worker="1"} 3.0' in text
    assert 'sixgate_rate_limited_total{caller="desk",worker="1"} 1.0' in text
    second.stop()
    third = limit_snapshots(folder, "shop", 2)
    text = third.text().decode()
    assert 'sixgate_rate_limited_total{caller="shop",worker="1"} 5.0' in text
    third.stop()


def test_workers_that_are_killed_repeatedly_leave_no_more_files(folder):
    for round_ in range(1, 4):
        workers = [Worker(folder), Worker(folder)]
        slots = {worker.count(round_) for worker in workers}
        assert slots == {1, 2}
        for worker in workers:
            worker.kill()
        names = {path.name for path in folder.iterdir()}
        assert names == FILES_OF_2_WORKERS
    last = MetricSnapshots(folder, Metrics())
    assert shipped(last) == 2 * (1 + 2 + 3)
    last.stop()


def test_a_new_server_starts_at_0_and_removes_the_folders_of_ended_servers(tmp_path):
    settings = Settings(home=tmp_path)
    ended = tmp_path / "metrics" / "8000-ended"
    ended.mkdir(parents=True)
    (ended / "server.lock").touch()
    (ended / "1.prom").write_text("# TYPE x counter\nx_total 5.0\n")
    with shared_folder(settings) as first, shared_folder(settings) as second:
        assert not ended.exists()
        assert first.exists()
        assert second.exists()
        snapshots = MetricSnapshots(second, Metrics())
        assert "x_total" not in snapshots.text().decode()
        snapshots.stop()
    assert not first.exists()
    assert not second.exists()
