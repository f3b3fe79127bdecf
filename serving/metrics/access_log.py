"""The record of every request: its duration, its status, and its line in the access log."""

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
# Records and lines in memory: when the log can't be written, lines are dropped beyond this.
MAX_PENDING = 50_000

# route, status, perf_counter() at begin and end, request id, method, path, name of the API key
RequestRecord = tuple[str, int, float, float, bytes, str, str, str | None]

log = logging.getLogger(__name__)


class AccessLogLine(msgspec.Struct, gc=False):
    """One line of the access log; `time` is in seconds since 1970."""

    time: float
    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    caller: str | None
    level: str = "info"
    logger: str = "access"


class RouteCounts:
    """The requests of one route: counts by duration and by status, and total seconds."""

    __slots__ = ("counts", "seconds", "statuses")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.statuses: dict[int, int] = {}
        self.seconds = 0.0


class RequestMetrics(Collector):
    """Counts requests in plain numbers; they become Prometheus metrics only when collected.

    A request only appends a record. Records are counted and turned into log lines in bulk, outside
    of requests.
    """

    def __init__(self) -> None:
        self._pending: deque[RequestRecord] = deque()  # append and popleft need no lock
        self._counting = threading.RLock()
        self._routes: defaultdict[str, RouteCounts] = defaultdict(RouteCounts)
        self._lines: list[AccessLogLine] = []
        self.dropped = 0

    def record(self, request: RequestRecord) -> None:
        """Record a request that has been answered."""
        self._pending.append(request)
        if len(self._pending) >= MAX_PENDING:
            self._count()

    def lines(self) -> list[AccessLogLine]:
        """Take the pending log lines; `dropped` counts the lines that were not kept."""
        with self._counting:
            self._count()
            lines = self._lines
            self._lines = []
        return lines

    def _count(self) -> None:
        # One function, with positional arguments: this runs for every request.
        with self._counting:
            clock_offset = time.time() - time.perf_counter()
            while self._pending:
                route, status, began, ended, request_id, method, path, caller = (
                    self._pending.popleft()
                )
                seconds = ended - began
                totals = self._routes[route]
                totals.counts[bisect_left(BUCKETS, seconds)] += 1
                totals.seconds += seconds
                totals.statuses[status] = totals.statuses.get(status, 0) + 1
                if len(self._lines) >= MAX_PENDING:
                    self.dropped += 1
                    continue
                self._lines.append(
                    AccessLogLine(
                        ended + clock_offset,
                        request_id.decode(),
                        method,
                        path,
                        status,
                        seconds,
                        caller,
                    )
                )

    def collect(self) -> Iterator[Metric]:
        """Yield a histogram of durations by route, and a counter by route and status."""
        self._count()
        durations = HistogramMetricFamily(
            "sixgate_request_seconds",
            "Seconds from the request to its answer",
            labels=["route"],
        )
        answers = CounterMetricFamily(
            "sixgate_requests",
            "Requests by route and status",
            labels=["route", "status"],
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for path, route in list(self._routes.items()):
            buckets = list(zip(bounds, accumulate(route.counts), strict=True))
            durations.add_metric([path], buckets, sum_value=route.seconds)
            for status, count in list(route.statuses.items()):
                answers.add_metric([path, str(status)], count)
        yield durations
        yield answers


class AccessLog(threading.Thread):
    """Writes lines of JSON every 100 ms, in a thread; lines that can't be written are dropped."""

    def __init__(self, requests: RequestMetrics, file: int = 1) -> None:
        super().__init__(name="access log", daemon=True)
        self._requests = requests
        self._file = file
        self._ended = threading.Event()
        self._encoder = msgspec.json.Encoder()

    def run(self) -> None:
        """Write until stopped."""
        while not self._ended.wait(WRITE_EVERY):
            self.write()
        self.write()

    def stop(self) -> None:
        """Write the remaining lines, then stop."""
        self._ended.set()
        self.join(2)

    def write(self) -> None:
        """Write all pending lines; after an error they are dropped and counted."""
        lines = self._requests.lines()
        content = self._encoder.encode_lines(lines)
        try:
            while content:
                content = content[os.write(self._file, content) :]
        except OSError as error:
            self._requests.dropped += len(lines)
            log.warning("the access log can't be written: %s", error)
