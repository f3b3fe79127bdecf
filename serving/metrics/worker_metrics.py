"""Metrics of several workers behind one address: any worker can show the metrics of all.

<home>/metrics/lock                 held while a server creates its folder and removes ended ones
<home>/metrics/<server>/server.lock held by the supervisor while the server runs
<home>/metrics/<server>/lock        held while a worker takes a slot or tests which slots are held
<home>/metrics/<server>/<n>.lock    held by the worker in slot n while it runs
<home>/metrics/<server>/<n>.prom    the last metrics of slot n

Each worker is a replica. The label `worker` is its slot. A worker that is killed frees its slot;
the next worker in the slot continues its counters from the last file, so no counter falls. The
kernel releases a lock when its process ends, so no process id is ever looked up.
"""

import contextlib
import fcntl
import logging
import multiprocessing
import os
import shutil
import signal
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from multiprocessing.connection import wait
from pathlib import Path

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from pipelines.settings import Settings
from serving.metrics.metrics import Metrics

WRITE_EVERY = 1.0
CUMULATIVE = ("counter", "histogram")  # all other types show the current state of a worker
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
# The suffix of samples with the time at which a process began to count. They are left out, because
# a slot outlives its workers.
CREATED = "_created"

Families = dict[str, Metric]

log = logging.getLogger(__name__)


@contextlib.contextmanager
def shared_folder(settings: Settings) -> Iterator[Path]:
    """Create the folder for the workers of one server; it is removed when the server ends.

    In a new folder every counter starts at 0.
    """
    root = settings.home / "metrics"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    suffix = uuid.uuid4().hex[:12]
    folder = root / f"{settings.api_port}-{suffix}"
    with locked(root / "lock"):
        _remove_ended(root)
        folder.mkdir(mode=0o700)
        alive = _try_lock(folder / "server.lock")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if alive is not None:
            os.close(alive)


class MetricSnapshots(threading.Thread):
    """Writes this worker's metrics where the other workers find them, and reads theirs."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        super().__init__(name="snapshots", daemon=True)
        self._folder = folder
        self._metrics = metrics
        self._ended = threading.Event()
        self._writing = threading.Lock()  # a newer file is never replaced by an older snapshot
        self.slot, self._lock = take_slot(folder)
        self._own = folder / f"{self.slot}.prom"
        self._former = cumulative(families(_read(self._own)))

    def run(self) -> None:
        """Write at once, then once a second until stopped."""
        self.write()
        while not self._ended.wait(WRITE_EVERY):
            self.write()

    def stop(self) -> None:
        """Write a last time and free the slot, whose next worker continues the counters."""
        self._ended.set()
        if self.is_alive():
            self.join(2)
        self.write()
        os.close(self._lock)

    def write(self) -> bytes:
        """Write the current metrics to this worker's file; return them even if that fails."""
        with self._writing:
            text = _text(with_former(self._metrics.families(), self._former))
            new = self._own.with_suffix(".new")
            try:
                new.write_bytes(text)
                new.replace(self._own)
            except FileNotFoundError:
                log.info("the metrics folder does not exist any more: the supervisor has ended")
            except OSError as error:
                log.warning("can't write metrics for the other workers: %s", error)
        return text

    def text(self) -> bytes:
        """Return the metrics of all workers; those of the others are a second old at most.

        A worker writes its own metrics to its file before it shows them, so counts that were shown
        once survive the worker.
        """
        own_text = self.write().decode()
        with locked(self._folder / "lock", shared=True):
            running = {slot for slot in _slots(self._folder) if self._is_running(slot)}
        workers: dict[str, Families] = {}
        for slot in _slots(self._folder):
            text = own_text if slot == self.slot else self._read_slot(slot)
            metrics = families(text)
            if slot not in running:
                metrics = cumulative(metrics)
            workers[str(slot)] = metrics
        return merged(workers)

    def _read_slot(self, slot: int) -> str:
        return _read(self._folder / f"{slot}.prom")

    def _is_running(self, slot: int) -> bool:
        return slot == self.slot or _is_held(self._folder, slot)


def take_slot(folder: Path) -> tuple[int, int]:
    """Take the lowest free slot.

    Returns its number and the descriptor of its lock, which has to stay open.
    """
    with locked(folder / "lock"):
        for slot in count(1):
            lock = _try_lock(folder / f"{slot}.lock")
            if lock is not None:
                return slot, lock
    raise AssertionError("there is always a next slot")


def families(text: str) -> Families:
    """Parse metrics in Prometheus' text format."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def cumulative(metrics: Families) -> Families:
    """Select counters and histograms, the only metrics to keep of a worker that has ended."""
    return {name: family for name, family in metrics.items() if family.type in CUMULATIVE}


def with_former(own: Iterable[Metric], former: Families) -> list[Metric]:
    """Add the counts of the former workers in a slot to the metrics of its worker."""
    remaining = dict(former)
    sums = []
    for family in own:
        same_name = remaining.pop(family.name, None)
        sums.append(_sum(family, same_name))
    return [*sums, *remaining.values()]


def merged(workers: Mapping[str, Families]) -> bytes:
    """Return the metrics of several workers as one text; every sample gets the label `worker`."""
    joined: Families = {}
    for worker, metrics in sorted(workers.items()):
        for family in metrics.values():
            target = joined.get(family.name)
            if target is None:
                target = Metric(family.name, family.documentation, family.type)
                joined[family.name] = target
            for sample in family.samples:
                labels = {**sample.labels, "worker": worker}
                target.samples.append(sample._replace(labels=labels))
    return _text(joined.values())


def follow_parent() -> None:
    """Stop this worker when its supervisor has ended, so that its address is free again."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        log.warning("the supervisor has ended: this worker stops")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


@contextlib.contextmanager
def locked(file: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock while the block runs."""
    lock = os.open(file, LOCK_FLAGS, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


class _MetricList(Collector):
    """Collects a fixed list of metrics, for `generate_latest`."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _text(metrics: Iterable[Metric]) -> bytes:
    return generate_latest(_MetricList(metrics))


def _sum(own: Metric, former: Metric | None) -> Metric:
    """Add a former metric of the same name; series that only it has are appended."""
    remaining = {_series(sample): sample for sample in former.samples} if former else {}
    total = Metric(own.name, own.documentation, own.type)
    for sample in own.samples:
        if sample.name.endswith(CREATED):
            continue
        before = remaining.pop(_series(sample), None)
        if before is not None:
            sample = sample._replace(value=sample.value + before.value)
        total.samples.append(sample)
    total.samples += remaining.values()
    return total


def _series(sample: Sample) -> tuple[str, tuple[tuple[str, str], ...]]:
    return sample.name, tuple(sorted(sample.labels.items()))


def _read(file: Path) -> str:
    """Read the last metrics of a slot; empty before its first worker has written."""
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _slots(folder: Path) -> list[int]:
    return sorted(int(file.stem) for file in folder.glob("*.prom"))


def _is_held(folder: Path, slot: int) -> bool:
    """Whether a running worker holds a slot.

    Call it under the folder's lock: otherwise a worker that takes a slot could mistake this probe
    for a running worker.
    """
    lock = _try_lock(folder / f"{slot}.lock", shared=True)
    if lock is None:
        return True
    os.close(lock)
    return False


def _try_lock(file: Path, *, shared: bool = False) -> int | None:
    """Lock a file until its descriptor is closed or its process ends.

    Returns None when another process holds the lock.
    """
    lock = os.open(file, LOCK_FLAGS, 0o600)
    try:
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _remove_ended(root: Path) -> None:
    """Remove the folders of servers that ended without removing their folder."""
    for lock_file in root.glob("*/server.lock"):
        lock = _try_lock(lock_file)
        if lock is not None:
            shutil.rmtree(lock_file.parent, ignore_errors=True)
            os.close(lock)
