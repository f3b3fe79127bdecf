"""What is kept of every request: how long it took, how it ended, and a line in the access log."""

import logging
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator

import msgspec
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
WRITE_EVERY = 0.1
MOST_LINES = 50_000  # while the log can't be written, so that a stuck pipe costs lines and not memory

log = logging.getLogger(__name__)


class Line(msgspec.Struct, gc=False):
    """One line of the access log; `time` in seconds since 1970."""

    time: float
    request_id: str
    method: str
    path: str
    status: int
    ms: float
    caller: str | None
    level: str = "info"
    logger: str = "access"


class Requests(Collector):
    """Counts by route and status; plain numbers, turned into Prometheus' families only when somebody asks."""

    def __init__(self, access: "AccessLog") -> None:
        self._access = access
        self._spent: dict[str, tuple[list[int], list[float]]] = {}
        self._ended: dict[tuple[str, int], int] = {}

    def note(self, scope: Scope, route: str, status: int, begun: float) -> None:
        """Keep one request that was answered just now."""
        seconds = time.perf_counter() - begun
        spent = self._spent.get(route)
        if spent is None:
            spent = self._spent.setdefault(route, ([0] * (len(BUCKETS) + 1), [0.0]))
        spent[0][bisect_left(BUCKETS, seconds)] += 1
        spent[1][0] += seconds
        ended = (route, status)
        self._ended[ended] = self._ended.get(ended, 0) + 1
        self._access.lines.append(
            Line(
                time.time(),
                scope["request_id"].decode(),
                scope["method"],
                scope["path"],
                status,
                round(1000 * seconds, 3),
                scope.get("caller"),
            )
        )

    def collect(self) -> Iterator[Metric]:
        """Histogram by route, counter by route and status."""
        spent = HistogramMetricFamily("sixgate_request_seconds", "From request to answer", labels=["route"])
        for route, (counts, total) in list(self._spent.items()):
            below, buckets = 0, []
            for bound, count in zip([*map(str, BUCKETS), "+Inf"], list(counts), strict=True):
                below += count
                buckets.append((bound, below))
            spent.add_metric([route], buckets, sum_value=total[0])
        yield spent
        ended = CounterMetricFamily("sixgate_requests", "Answers by route and status", labels=["route", "status"])
        for (route, status), count in list(self._ended.items()):
            ended.add_metric([route, str(status)], count)
        yield ended


class AccessLog(threading.Thread):
    """Writes lines of JSON every 100 ms, beside the requests; what it can't write in time is dropped and counted."""

    def __init__(self, file: int = 1) -> None:
        super().__init__(name="access log", daemon=True)
        self._file, self._ended = file, threading.Event()
        self._encoder = msgspec.json.Encoder()
        self.lines: list[Line] = []
        self.dropped = 0

    def run(self) -> None:
        """Write until stopped."""
        while not self._ended.wait(WRITE_EVERY):
            self.write()
        self.write()

    def stop(self) -> None:
        """Write what is left, and stop."""
        self._ended.set()
        self.join(2)

    def write(self) -> None:
        """Write all lines there are."""
        lines, self.lines = self.lines, []
        if len(lines) > MOST_LINES:
            self.dropped += len(lines) - MOST_LINES
            del lines[MOST_LINES:]
        content = self._encoder.encode_lines(lines)
        try:
            while content:
                content = content[os.write(self._file, content) :]
        except OSError as error:
            self.dropped += len(lines)
            log.warning("the access log can't be written: %s", error)
