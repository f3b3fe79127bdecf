"""Several workers behind one address: uvicorn supervises them, each is a replica of its own, any of them shows all figures."""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from pathlib import Path

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from serving.metrics import Metrics

WRITE_EVERY = 1.0

log = logging.getLogger(__name__)


class Snapshots(threading.Thread):
    """Leaves this worker's figures where its siblings find them, and shows theirs beside its own, told apart by `worker`."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        super().__init__(name="snapshots", daemon=True)
        self._folder, self._metrics, self._ended = folder, metrics, threading.Event()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own = folder / f"{os.getpid()}.prom"

    def run(self) -> None:
        """Write once a second until stopped."""
        while not self._ended.wait(WRITE_EVERY):
            try:
                new = self._own.with_suffix(".new")
                new.write_bytes(self._metrics.text())
                new.replace(self._own)
            except OSError as error:
                log.warning("figures can't be left for the other workers: %s", error)

    def stop(self) -> None:
        """Stop, and take the figures away."""
        self._ended.set()
        self.join(2)
        self._own.unlink(missing_ok=True)

    def text(self) -> bytes:
        """The figures of all workers that live; those of siblings are a second old at most."""
        texts = {str(os.getpid()): self._metrics.text().decode()}
        for file in self._folder.glob("*.prom"):
            if file == self._own:
                continue
            if not _lives(int(file.stem)):
                file.unlink(missing_ok=True)
                continue
            try:
                texts[file.stem] = file.read_text()
            except FileNotFoundError:  # it stopped just now
                continue
        return merged(texts)


def merged(texts: dict[str, str]) -> bytes:
    """Several workers' texts as one: every sample gets the label `worker`."""
    families: dict[str, Metric] = {}
    for worker, text in sorted(texts.items()):
        for family in text_string_to_metric_families(text):
            samples = [sample._replace(labels={**sample.labels, "worker": worker}) for sample in family.samples]
            families.setdefault(family.name, Metric(family.name, family.documentation, family.type)).samples += samples
    return generate_latest(_Families(families.values()))


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


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
