"""Metrics of several workers: told apart by slot, and no counter falls when a worker is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import uvicorn
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
from serving.server import TRIES, WorkerSupervisor
from tests.unit.serving import made
from tests.unit.serving.test_app import PREDICT

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
    shown = snapshots.text()
    print(snapshots.slot, flush=True)
"""


class Worker:
    """A worker's metrics in a process of its own: told to count, it shows them, and can be killed."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", WORKER, str(folder)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def count(self, number: int) -> int:
        """Count so many, show it, and return the worker's slot."""
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
    """A counter, over all workers and labels."""
    found = text_string_to_metric_families(text.decode())
    return sum(each.value for family in found for each in family.samples if each.name == sample)


def test_metrics_of_several_workers_are_told_apart_and_stay_one_sound_text(service, ask):
    ask(service, "POST", PREDICT, json=made.row())
    text = service.metrics.text().decode()
    both = merged({"1": families(text), "2": families(text)}).decode()
    assert f'sixgate_requests_total{{route="{PREDICT}",status="200",worker="1"}} 1.0' in both
    found = {family.name: family for family in text_string_to_metric_families(both)}
    assert {sample.labels["worker"] for sample in found["sixgate_requests"].samples} == {"1", "2"}
    assert both.count("# TYPE sixgate_request_seconds histogram") == 1


def test_a_worker_takes_the_lowest_slot_that_is_free(folder):
    taken = [take_slot(folder) for _ in range(3)]
    assert [slot for slot, _ in taken] == [1, 2, 3]
    os.close(taken[1][1])
    slot, lock = take_slot(folder)
    assert slot == 2
    for each in (taken[0][1], taken[2][1], lock):
        os.close(each)


def test_what_a_killed_worker_has_shown_stays_and_the_next_in_its_slot_counts_on(folder):
    sibling = MetricSnapshots(folder, Metrics())
    worker = Worker(folder)
    assert worker.count(100) == 2
    assert 'sixgate_model_version{use_case="fraud",worker="2"} 7.0' in sibling.text().decode()
    worker.kill()
    shown = sibling.text()
    assert total(shown, "sixgate_shipped_rows_total") == total(shown, "sixgate_score_count") == 100
    assert "sixgate_model_version{" not in shown.decode(), "how a dead worker is, nobody says"

    successor = Worker(folder)
    assert successor.count(0) == 2
    assert total(sibling.text(), "sixgate_shipped_rows_total") == 100
    successor.count(11)
    shown = sibling.text()
    assert total(shown, "sixgate_shipped_rows_total") == total(shown, "sixgate_score_count") == 111
    assert 'sixgate_model_version{use_case="fraud",worker="2"} 7.0' in shown.decode()
    successor.kill()
    assert total(sibling.text(), "sixgate_shipped_rows_total") == 111
    sibling.stop()


def test_a_series_that_only_a_former_worker_had_stays(folder):
    first = MetricSnapshots(folder, Metrics())
    first._metrics.limited.labels("shop").inc(3)
    first.stop()
    second = MetricSnapshots(folder, Metrics())
    second._metrics.limited.labels("desk").inc(1)
    shown = second.text().decode()
    assert second.slot == 1
    assert 'sixgate_rate_limited_total{caller="shop",worker="1"} 3.0' in shown
    assert 'sixgate_rate_limited_total{caller="desk",worker="1"} 1.0' in shown
    second.stop()
    third = MetricSnapshots(folder, Metrics())
    third._metrics.limited.labels("shop").inc(2)
    assert 'sixgate_rate_limited_total{caller="shop",worker="1"} 5.0' in third.text().decode()
    third.stop()


def test_workers_that_are_killed_again_and_again_leave_no_more_files(folder):
    sizes = set()
    for round_ in range(1, 4):
        workers = [Worker(folder), Worker(folder)]
        assert {worker.count(round_) for worker in workers} == {1, 2}
        for worker in workers:
            worker.kill()
        sizes.add(frozenset(path.name for path in folder.iterdir()))
    assert sizes == {frozenset({"server.lock", "lock", "1.lock", "2.lock", "1.prom", "2.prom"})}
    last = MetricSnapshots(folder, Metrics())
    assert total(last.text(), "sixgate_shipped_rows_total") == 2 * (1 + 2 + 3)
    last.stop()


def test_a_new_server_starts_at_0_and_removes_what_ended_servers_left(tmp_path):
    settings = Settings(home=tmp_path)
    left = tmp_path / "metrics" / "8000-ended"
    left.mkdir(parents=True)
    (left / "server.lock").touch()
    (left / "1.prom").write_text("# TYPE x counter\nx_total 5.0\n")
    with shared_folder(settings) as running, shared_folder(settings) as beside:
        assert not left.exists()
        assert running.exists() and beside.exists()
        snapshots = MetricSnapshots(beside, Metrics())
        assert "x_total" not in snapshots.text().decode()
        snapshots.stop()
    assert not running.exists() and not beside.exists()


def dies(folder: Path) -> None:
    """In place of an application: a worker that is killed while it starts."""
    (folder / str(os.getpid())).touch()
    os.kill(os.getpid(), signal.SIGKILL)


SUPERVISE = """
import sys
from pathlib import Path
from tests.unit.serving.metrics.test_worker_metrics import supervise
supervise(Path(sys.argv[1]))
"""


def supervise(folder: Path) -> None:
    """Supervise two workers that die, in a process whose signals may be handled."""
    config = uvicorn.Config(
        partial(dies, folder), factory=True, port=0, workers=2, log_level="critical"
    )
    supervisor = WorkerSupervisor(config, [config.bind_socket()])
    supervisor.run()
    print(supervisor.gave_up)


def test_workers_that_die_before_they_are_ready_are_not_replaced_without_end(tmp_path):
    command = [sys.executable, "-c", SUPERVISE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True", done.stderr
    assert TRIES <= len(list(tmp_path.iterdir())) <= TRIES + 2
    assert "before it was ready" in done.stderr
