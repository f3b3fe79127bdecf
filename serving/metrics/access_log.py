"""What is kept of every request: how long it took, how it ended, and a line in the access log."""

import logging
import os
import threading
import time
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator
from itertools import accumulate

import msgspec
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
WRITE_EVERY = 0.1
MOST = 50_000  # notes, and lines: while the log can't be written, a stuck pipe costs lines and not memory

# route, status, perf_counter() at its begin and end, request id, method, path, whose key it was
Note = tuple[str, int, float, float, bytes, str, str, str | None]

log = logging.getLogger(__name__)


class AccessLogLine(msgspec.Struct, gc=False):
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
    """Plain numbers, turned into Prometheus' families only when somebody asks.

    A request leaves a note; notes are counted, and made lines, many at once and beside the requests.
    """

    def __init__(self) -> None:
        self._noted: deque[Note] = deque()  # appended to and taken from without a lock
        self._counting = threading.RLock()
        self._routes: defaultdict[str, Route] = defaultdict(Route)
        self._lines: list[AccessLogLine] = []
        self.dropped = 0

    def note(self, note: Note) -> None:
        """Keep a request that has been answered."""
        self._noted.append(note)
        if len(self._noted) >= MOST:
            self._count()

    def lines(self) -> list[AccessLogLine]:
        """Take the lines there are; whatever could not be kept until now is counted in `dropped`."""
        with self._counting:
            self._count()
            lines, self._lines = self._lines, []
        return lines

    def _count(self) -> None:
        with self._counting:
            lag = time.time() - time.perf_counter()
            while self._noted:
                route, status, begun, ended, request_id, method, path, caller = (
                    self._noted.popleft()
                )
                kept, seconds = self._routes[route], ended - begun
                kept.counts[bisect_left(BUCKETS, seconds)] += 1
                kept.seconds += seconds
                kept.statuses[status] = kept.statuses.get(status, 0) + 1
                if len(self._lines) < MOST:
                    self._lines.append(
                        AccessLogLine(
                            ended + lag, request_id.decode(), method, path, status, seconds, caller
                        )
                    )
                else:
                    self.dropped += 1

    def collect(self) -> Iterator[Metric]:
        """Histogram by route, counter by route and status."""
        self._count()
        spent = HistogramMetricFamily(
            "sixgate_request_seconds", "From request to answer", labels=["route"]
        )
        ended = CounterMetricFamily(
            "sixgate_requests", "Answers by route and status", labels=["route", "status"]
        )
        for path, route in list(self._routes.items()):
            below = list(accumulate(route.counts))
            spent.add_metric(
                [path],
                list(zip([*map(str, BUCKETS), "+Inf"], below, strict=True)),
                sum_value=route.seconds,
            )
            for status, count in list(route.statuses.items()):
                ended.add_metric([path, str(status)], count)
        yield spent
        yield ended


class AccessLog(threading.Thread):
    """Writes lines of JSON every 100 ms, beside the requests; what it can't write in time is dropped and counted."""

    def __init__(self, requests: Requests, file: int = 1) -> None:
        super().__init__(name="access log", daemon=True)
        self._requests, self._file, self._ended = requests, file, threading.Event()
        self._encoder = msgspec.json.Encoder()

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
        lines = self._requests.lines()
        content = self._encoder.encode_lines(lines)
        try:
            while content:
                content = content[os.write(self._file, content) :]
        except OSError as error:
            self._requests.dropped += len(lines)
            log.warning("the access log can't be written: %s", error)
