"""A load generator in a process of its own: HTTP/1.1 on kept connections, closed loop or at a fixed rate.

`python -m benchmarks.load` reads a Job as JSON from standard input and prints a Result as JSON.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections import deque
from itertools import cycle
from pathlib import Path

import msgspec
import numpy as np
import uvloop

TICK = 0.001


class Job(msgspec.Struct, kw_only=True):
    """What to ask; `rate` is in requests per second, and 0 asks again as soon as an answer is there."""

    port: int
    path: str
    bodies: list[str]  # in turn
    headers: dict[str, str] = {}
    concurrency: int = 16
    seconds: float = 3.0
    rate: float = 0.0


class Result(msgspec.Struct, kw_only=True):
    """What came back; latencies in milliseconds, from when a request was due."""

    answered: int
    failed: int
    per_second: float
    p50: float
    p99: float
    statuses: dict[int, int]


def run(job: Job) -> Result:
    """Ask from another process, so that the generator never shares an interpreter with anything that is measured."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=msgspec.json.encode(job), capture_output=True, check=False,
        cwd=Path(__file__).resolve().parent.parent,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr.decode()[-2000:]}")
    return msgspec.json.decode(done.stdout, type=Result)


class Client(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, load: "Load") -> None:
        self._load, self._begun = load, 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ready for a first request."""
        self._transport = transport
        self._load.idle(self)

    def ask(self, due: float) -> None:
        """Send the request that was due at `due`."""
        self._begun = due
        self._transport.write(next(self._load.requests))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; a whole one is counted."""
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.lower().find(b"content-length:", 0, head)
        end = self._buffer.find(b"\r\n", at)
        if len(self._buffer) < head + 4 + int(self._buffer[at + 15 : end]):
            return
        status, self._buffer = int(self._buffer[9:12]), b""
        self._load.answered(status, time.perf_counter() - self._begun)
        self._load.idle(self)

    def connection_lost(self, error: Exception | None) -> None:
        """A connection that the server closes is a failure, unless all is over."""
        self._load.lost()


class Load:
    """One run of a job."""

    def __init__(self, job: Job) -> None:
        head = [
            f"POST {job.path} HTTP/1.1",
            f"Host: 127.0.0.1:{job.port}",
            "Content-Type: application/json",
        ]
        head += [f"{name}: {value}" for name, value in job.headers.items()]
        self.requests = cycle(
            "\r\n".join([*head, f"Content-Length: {len(body.encode())}", "", body]).encode()
            for body in job.bodies
        )
        self._job = job
        self._idle: deque[Client] = deque()
        self._due: deque[float] = deque()
        self._latencies: list[float] = []
        self._statuses: dict[int, int] = {}
        self._over = True
        self._failed = 0

    async def run(self) -> Result:
        """Connect, ask for the job's time, and sum up."""
        loop = asyncio.get_running_loop()
        for _ in range(self._job.concurrency):
            await loop.create_connection(lambda: Client(self), "127.0.0.1", self._job.port)
        self._over = False
        begun = time.perf_counter()
        if self._job.rate:
            await self._at_rate(begun)
        else:
            while self._idle:
                self._idle.popleft().ask(time.perf_counter())
            await asyncio.sleep(self._job.seconds)
        self._over = True
        spent = time.perf_counter() - begun
        await asyncio.sleep(0.1)
        p50, p99 = np.percentile(self._latencies or [np.nan], [50, 99]) * 1000
        good = sum(n for status, n in self._statuses.items() if status < 300)
        return Result(
            answered=good, failed=len(self._latencies) - good + self._failed, per_second=good / spent, p50=float(p50),
            p99=float(p99), statuses=self._statuses,
        )  # fmt: skip

    async def _at_rate(self, begun: float) -> None:
        sent, total = 0, int(self._job.rate * self._job.seconds)
        while sent < total:
            now = time.perf_counter()
            for _ in range(min(total, int((now - begun) * self._job.rate)) - sent):
                sent += 1
                self._idle.popleft().ask(now) if self._idle else self._due.append(now)
            await asyncio.sleep(TICK)

    def idle(self, client: Client) -> None:
        """A connection is free: it takes what is due."""
        if self._over:
            self._idle.append(client)
        elif self._due:
            client.ask(self._due.popleft())
        elif self._job.rate:
            self._idle.append(client)
        else:
            client.ask(time.perf_counter())

    def answered(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._latencies.append(seconds)

    def lost(self) -> None:
        """Count a connection that went away."""
        self._failed += not self._over


def _first() -> None:
    """Go before whatever else wants this processor, where that is allowed: a late question is no slow answer."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))


if __name__ == "__main__":
    _first()
    found = uvloop.run(Load(msgspec.json.decode(sys.stdin.buffer.read(), type=Job)).run())
    sys.stdout.write(msgspec.json.encode(found).decode())
