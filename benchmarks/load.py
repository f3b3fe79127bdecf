"""A load generator in a separate process: HTTP/1.1 on open connections, closed loop or fixed rate.

`python -m benchmarks.load` reads a Job as JSON from standard input and prints a Result as JSON.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import msgspec
import numpy as np
import uvloop

TICK = 0.001


class Job(msgspec.Struct, kw_only=True):
    """What to send.

    `rate` is in requests per second; with 0, a connection sends its next request as soon as it has
    received a response.
    """

    port: int
    path: str
    bodies: list[str]  # in turn
    headers: dict[str, str] = {}
    concurrency: int = 16
    seconds: float = 3.0
    rate: float = 0.0


class Result(msgspec.Struct, kw_only=True):
    """Counts of responses; latencies in milliseconds from the time at which a request was due."""

    answered: int
    failed: int
    per_second: float
    p50: float
    p99: float
    statuses: dict[int, int]


def run(job: Job) -> Result:
    """Run a job in another process, so that what is measured does not share its interpreter."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=msgspec.json.encode(job),
        capture_output=True,
        check=False,
        cwd=Path(__file__).resolve().parent.parent,
    )
    if process.returncode:
        raise RuntimeError(f"the load generator failed: {process.stderr.decode()[-2000:]}")
    return msgspec.json.decode(process.stdout, type=Result)


class Client(asyncio.Protocol):
    """One connection with at most one open request."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._start = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection for a first request."""
        self._transport = transport
        self._load.idle(self)

    def ask(self, due: float) -> None:
        """Send the request that was due at `due`."""
        self._start = due
        self._transport.write(next(self._load.requests))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Add a part of a response; a complete response is counted."""
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        header = self._buffer.lower().find(b"content-length:", 0, head)
        end = self._buffer.find(b"\r\n", header)
        length = int(self._buffer[header + 15 : end])
        if len(self._buffer) < head + 4 + length:
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        self._load.answered(status, time.perf_counter() - self._start)
        self._load.idle(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Report that the server has closed the connection."""
        self._load.lost()


class Load:
    """One run of a job."""

    def __init__(self, job: Job) -> None:
        self.requests = cycle(_requests(job))
        self._job = job
        self._idle: deque[Client] = deque()
        self._due: deque[float] = deque()
        self._latencies: list[float] = []
        self._statuses: dict[int, int] = {}
        self._over = True
        self._failed = 0

    async def run(self) -> Result:
        """Connect, send requests for the job's time, and return the counts."""
        loop = asyncio.get_running_loop()
        for _ in range(self._job.concurrency):
            await loop.create_connection(lambda: Client(self), "127.0.0.1", self._job.port)
        self._over = False
        start = time.perf_counter()
        if self._job.rate:
            await self._at_rate(start)
        else:
            while self._idle:
                self._idle.popleft().ask(time.perf_counter())
            await asyncio.sleep(self._job.seconds)
        self._over = True
        seconds = time.perf_counter() - start
        await asyncio.sleep(0.1)
        p50, p99 = np.percentile(self._latencies or [np.nan], [50, 99]) * 1000
        good = sum(n for status, n in self._statuses.items() if status < 300)
        return Result(
            answered=good,
            failed=len(self._latencies) - good + self._failed,
            per_second=good / seconds,
            p50=float(p50),
            p99=float(p99),
            statuses=self._statuses,
        )

    async def _at_rate(self, start: float) -> None:
        sent = 0
        total = int(self._job.rate * self._job.seconds)
        while sent < total:
            now = time.perf_counter()
            due = min(total, int((now - start) * self._job.rate))
            for _ in range(due - sent):
                sent += 1
                if self._idle:
                    self._idle.popleft().ask(now)
                else:
                    self._due.append(now)
            await asyncio.sleep(TICK)

    def idle(self, client: Client) -> None:
        """Let a free connection send the next request that is due."""
        if self._over:
            self._idle.append(client)
        elif self._due:
            client.ask(self._due.popleft())
        elif self._job.rate:
            self._idle.append(client)
        else:
            client.ask(time.perf_counter())

    def answered(self, status: int, seconds: float) -> None:
        """Count one response."""
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._latencies.append(seconds)

    def lost(self) -> None:
        """Count a closed connection as a failure, unless the job is over."""
        self._failed += not self._over


def _requests(job: Job) -> Iterator[bytes]:
    """Yield each request of a job as HTTP."""
    head = [
        f"POST {job.path} HTTP/1.1",
        f"Host: 127.0.0.1:{job.port}",
        "Content-Type: application/json",
    ]
    head += [f"{name}: {value}" for name, value in job.headers.items()]
    for body in job.bodies:
        lines = [*head, f"Content-Length: {len(body.encode())}", "", body]
        yield "\r\n".join(lines).encode()


def _raise_priority() -> None:
    """Run before other processes if permitted: a late request must not count as a slow response."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))


if __name__ == "__main__":
    _raise_priority()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    result = uvloop.run(Load(job).run())
    sys.stdout.write(msgspec.json.encode(result).decode())
