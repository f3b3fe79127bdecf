"""What is kept of every request: how long it took, how it ended, and a line in the access log."""

import logging
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

import msgspec
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

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
    seconds: float
    caller: str | None
    level: str = "info"
    logger: str = "access"


class Route:
    """What happened on one route: how often by time and by status, and for how many seconds in all."""

    __slots__ = ("counts", "seconds", "statuses")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.statuses: dict[int, int] = {}
        self.seconds = 0.0


class Requests(Collector):
    """Plain numbers, turned into Prometheus' families only when somebody asks."""

    def __init__(self, access: "AccessLog") -> None:
        self._access = access
        self._routes: dict[str, Route] = {}

    def note(
        self, route: str, status: int, begun: float, request_id: bytes, method: str, path: str, caller: str | None
    ) -> None:
        """Keep one request that was answered just now."""
        seconds = time.perf_counter() - begun
        kept = self._routes.get(route)
        if kept is None:
            kept = self._routes.setdefault(route, Route())
        kept.counts[bisect_left(BUCKETS, seconds)] += 1
        kept.seconds += seconds
        kept.statuses[status] = kept.statuses.get(status, 0) + 1
        self._access.lines.append(Line(time.time(), request_id.decode(), method, path, status, seconds, caller))

    def collect(self) -> Iterator[Metric]:
        """Histogram by route, counter by route and status."""
        spent = HistogramMetricFamily("sixgate_request_seconds", "From request to answer", labels=["route"])
        ended = CounterMetricFamily("sixgate_requests", "Answers by route and status", labels=["route", "status"])
        for path, route in list(self._routes.items()):
            below = list(accumulate(route.counts))
            spent.add_metric([path], list(zip([*map(str, BUCKETS), "+Inf"], below, strict=True)), sum_value=route.seconds)
            for status, count in list(route.statuses.items()):
                ended.add_metric([path, str(status)], count)
        yield spent
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
