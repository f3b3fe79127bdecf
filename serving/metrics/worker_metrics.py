"""Several workers behind one address: each is a replica of its own, and any of them shows the metrics of all.

<home>/metrics/lock                 held while a server makes its folder and removes those of servers that ended
<home>/metrics/<server>/server.lock held by the supervisor as long as the server runs
<home>/metrics/<server>/lock        held while a worker takes a slot, or looks which slots are held
<home>/metrics/<server>/<n>.lock    held by the worker in slot n as long as it lives
<home>/metrics/<server>/<n>.prom    the last metrics of slot n

The label `worker` is the slot. A worker that is killed frees its slot, and the next one in it counts on from its last file,
so no counter falls. Locks end with their process, whatever ends it, so no process id is ever looked up.
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
COUNTED = ("counter", "histogram")  # what only grows; everything else says how a worker is now
CREATED = (
    "_created"  # when a process began to count: no matter here, as a slot outlives its workers
)

Families = dict[str, Metric]

log = logging.getLogger(__name__)


@contextlib.contextmanager
def shared_folder(settings: Settings) -> Iterator[Path]:
    """A new folder for one server's workers, removed when the server ends; it starts every counter at 0."""
    root = settings.home / "metrics"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / f"{settings.api_port}-{uuid.uuid4().hex[:12]}"
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


class Snapshots(threading.Thread):
    """Leaves this worker's metrics where its siblings find them, and shows theirs beside its own."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        super().__init__(name="snapshots", daemon=True)
        self._folder, self._metrics, self._ended = folder, metrics, threading.Event()
        self._writing = threading.Lock()  # a file never goes back to what was counted before
        self.slot, self._lock = take_slot(folder)
        self._own = folder / f"{self.slot}.prom"
        self._former = counted(families(_read(self._own)))

    def run(self) -> None:
        """Write at once, then once a second until stopped."""
        self.write()
        while not self._ended.wait(WRITE_EVERY):
            self.write()

    def stop(self) -> None:
        """Write a last time and free the slot; whoever takes it counts on."""
        self._ended.set()
        if self.is_alive():
            self.join(2)
        self.write()
        os.close(self._lock)

    def write(self) -> bytes:
        """Leave the metrics as they are now, and return them; what could not be left is returned all the same."""
        with self._writing:
            text = generate_latest(_Shown(continued(self._metrics.families(), self._former)))
            new = self._own.with_suffix(".new")
            try:
                new.write_bytes(text)
                new.replace(self._own)
            except FileNotFoundError:
                log.info("the server's folder of metrics is gone, as its supervisor is")
            except OSError as error:
                log.warning("metrics can't be left for the other workers: %s", error)
        return text

    def text(self) -> bytes:
        """The metrics of all workers; those of siblings are a second old at most.

        A worker writes its own before it shows them: what was shown once survives it.
        """
        texts = {str(self.slot): self.write().decode()}
        with locked(self._folder / "lock", shared=True):
            living = {
                slot
                for slot in _slots(self._folder)
                if slot == self.slot or _is_held(self._folder, slot)
            }
        shown: dict[str, Families] = {}
        for slot in _slots(self._folder):
            text = texts.get(str(slot)) or _read(self._folder / f"{slot}.prom")
            shown[str(slot)] = families(text) if slot in living else counted(families(text))
        return merged(shown)


def take_slot(folder: Path) -> tuple[int, int]:
    """Take the lowest slot that no living worker holds: its number, and the lock that has to stay open."""
    with locked(folder / "lock"):
        for slot in count(1):
            lock = _try_lock(folder / f"{slot}.lock")
            if lock is not None:
                return slot, lock
    raise AssertionError("there is always a next slot")


def families(text: str) -> Families:
    """Read metrics in Prometheus' text format."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def counted(found: Families) -> Families:
    """What only grows, of metrics; a worker that has ended has nothing else to show."""
    return {name: family for name, family in found.items() if family.type in COUNTED}


def continued(own: Iterable[Metric], former: Families) -> list[Metric]:
    """A worker's own metrics, counting on from those of the former workers in its slot."""
    left = dict(former)
    joined = [_continued(family, left.pop(family.name, None)) for family in own]
    return [*joined, *left.values()]


def merged(workers: Mapping[str, Families]) -> bytes:
    """The metrics of several workers as one text: every sample gets the label `worker`."""
    joined: Families = {}
    for worker, found in sorted(workers.items()):
        for family in found.values():
            samples = [
                sample._replace(labels={**sample.labels, "worker": worker})
                for sample in family.samples
            ]
            joined.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            ).samples += samples
    return generate_latest(_Shown(joined.values()))


def follow_parent() -> None:
    """End this worker when the process that supervises it is gone, so that the address is free for the next."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        log.warning("the supervising process is gone: this worker stops")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


@contextlib.contextmanager
def locked(file: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock for as long as the block."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


class _Shown(Collector):
    """Families that are there already, for `generate_latest`."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        yield from self._found


def _continued(own: Metric, former: Metric | None) -> Metric:
    """Add a former family to an own one of the same name."""
    left = {_series(sample): sample for sample in former.samples} if former else {}
    result = Metric(own.name, own.documentation, own.type)
    for sample in own.samples:
        if sample.name.endswith(CREATED):
            continue
        before = left.pop(_series(sample), None)
        result.samples.append(
            sample._replace(value=sample.value + before.value) if before else sample
        )
    result.samples += left.values()
    return result


def _series(sample: Sample) -> tuple[str, tuple[tuple[str, str], ...]]:
    return sample.name, tuple(sorted(sample.labels.items()))


def _read(file: Path) -> str:
    """A slot's last metrics; none before its first worker has written."""
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _slots(folder: Path) -> list[int]:
    return sorted(int(file.stem) for file in folder.glob("*.prom"))


def _is_held(folder: Path, slot: int) -> bool:
    """Whether a living worker holds a slot; asked under the folder's lock, so that nobody takes a probe for a worker."""
    lock = _try_lock(folder / f"{slot}.lock", shared=True)
    if lock is None:
        return True
    os.close(lock)
    return False


def _try_lock(file: Path, *, shared: bool = False) -> int | None:
    """Lock a file until its descriptor is closed or its process ends; None when somebody else holds it."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _remove_ended(root: Path) -> None:
    """Remove the folders of servers that have ended without removing them."""
    for lock_file in root.glob("*/server.lock"):
        lock = _try_lock(lock_file)
        if lock is not None:
            shutil.rmtree(lock_file.parent, ignore_errors=True)
            os.close(lock)
