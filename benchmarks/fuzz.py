"""`make bench-fuzz`: a million valid and invalid requests, and how many of them fail.

A request fails if the server gives it no response or a wrong one.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from uuid import uuid4

import httpx
import msgspec
import numpy as np
import uvloop
import xgboost
from rich.console import Console
from rich.table import Table

from benchmarks.fuzz_requests import Sent, Source
from pipelines.rules.model.bundle import Calibration, digest
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import FittedModel
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT, Settings
from pipelines.stores.database import connect
from pipelines.stores.ledger import Ledger
from pipelines.use_case import read_contract
from stack.temporary_services import database, free_port, migrate

CONNECTIONS = 8  # fewer than the explanations that the server queues
TIMEOUT = 20.0  # seconds until a request counts as not answered
WEBSOCKET_TIMEOUT = 0.2  # seconds until a client closes a WebSocket that the server leaves open
MOST_FAILURES = 20  # failures that are kept; the others are only counted
KEY = "fuzz"
# A contract with every type of feature.
MIXED = {
    "title": "Fuzz",
    "entity_key": "person_id",
    "event_time": "event_time",
    "transaction_id": "transaction_id",
    "label": {"name": "bad"},
    "features": {
        "income": {"type": "float", "range": [0, 1000], "nullable": True},
        "debt": {"type": "float"},
        "age": {"type": "int", "range": [18, 99]},
        "children": {"type": "int", "nullable": True},
        "owner": {"type": "bool"},
        "married": {"type": "bool", "nullable": True},
        "job": {"type": "category", "values": ["none", "self", "staff"]},
        "region": {"type": "category", "values": ["north", "south"], "nullable": True},
    },
    "derived": {"load": {"expression": "where(income > 0, debt / income, 0)"}},
}


@dataclass
class Failure:
    """A request without a response, or with a wrong one."""

    number: int
    kind: str
    reason: str
    wire: bytes


@dataclass
class Report:
    """The responses of one run."""

    seed: int
    sent: int = 0
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)  # of valid predictions, in milliseconds

    def fail(self, number: int, sent: Sent, reason: str) -> None:
        """Count a failure."""
        self.failed += 1
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(Failure(number, sent.kind, reason, sent.wire))

    @property
    def server_errors(self) -> int:
        """The number of responses with a status of 500 and more."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def described(self) -> str:
        """Return a line per failure, with the options that send the request again."""
        lines = [f"{self.failed} of {self.sent} requests failed (seed {self.seed})"]
        for failure in self.failures:
            options = f"--seed {self.seed} --only {failure.number}"
            request = f"{failure.wire[:300]!r}"
            lines.append(f"{options}: {failure.kind}: {failure.reason}: {request}")
        return "\n".join(lines)


class Refused(msgspec.Struct):
    """The required fields of a problem document."""

    type: str
    title: str
    status: int
    detail: str


class RefusedValue(Refused):
    """The required fields of a problem document for a value that violates its rule."""

    field: str
    value: object
    rule: str
    row: int | None = None


class Client(asyncio.Protocol):
    """One connection with at most one open request."""

    def __init__(self) -> None:
        self._buffer = b""
        self._changed = asyncio.Event()
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Add a part of a response."""
        self._buffer = self._buffer + data if self._buffer else data
        self._changed.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Store that the server or the client has closed the connection."""
        self.open = False
        self._changed.set()

    async def answer(self, *, has_body: bool) -> tuple[int, bytes, bytes] | None:
        """Return status, head and body of the next response; None if the connection ends before."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if not await self._more():
                return None
        head = self._buffer[:end].lower()
        status = int(head[9:12])
        body_start = end + 4
        body_end = body_start
        if has_body and status != 101:
            body_end += _content_length(head)
        while len(self._buffer) < body_end:
            if not await self._more():
                return None
        body = self._buffer[body_start:body_end]
        self._buffer = self._buffer[body_end:]
        return status, head, body

    async def ended(self) -> None:
        """Wait until the server closes the connection."""
        while await self._more():
            self._buffer = b""

    async def _more(self) -> bool:
        """Wait for data or the end of the connection; return whether there is data."""
        if not self.open:
            return False
        self._changed.clear()
        await self._changed.wait()
        return self.open or bool(self._buffer)


def _content_length(head: bytes) -> int:
    name = b"\r\ncontent-length:"
    position = head.find(name)
    if position < 0:
        return 0
    value, _, _ = head[position + len(name) :].partition(b"\r\n")
    return int(value)


async def fuzz(source: Source, port: int, numbers: Sequence[int]) -> Report:
    """Send each of the requests with these numbers once, several at a time."""
    report = Report(source.seed)
    remaining = iter(numbers)
    start = time.perf_counter()
    senders = (_send_all(source, port, remaining, report) for _ in range(CONNECTIONS))
    await asyncio.gather(*senders)
    report.seconds = time.perf_counter() - start
    return report


async def _send_all(source: Source, port: int, numbers: Iterator[int], report: Report) -> None:
    client: Client | None = None
    for number in numbers:
        sent = source.request(number)
        report.sent += 1
        report.kinds[sent.kind.split(":")[0]] += 1
        try:
            async with asyncio.timeout(TIMEOUT):
                client = await _send_one(client, port, number, sent, report=report)
        except TimeoutError:
            report.fail(number, sent, f"no response within {TIMEOUT:.0f} s")
            client = None
        except OSError as error:
            report.fail(number, sent, f"the server does not accept connections: {error}")
            return
    if client:
        client.transport.abort()


async def _send_one(
    client: Client | None, port: int, number: int, sent: Sent, *, report: Report
) -> Client | None:
    """Send one request; return the connection if it can be used for the next one."""
    if client is None or not client.open or sent.ends != "answer":
        if client:
            client.transport.abort()
        client = await _connect(port)
    answered = await _send(client, number, sent, report)
    if not answered and sent.ends == "answer":
        # The server may close an idle connection at any time.
        client = await _connect(port)
        answered = await _send(client, number, sent, report)
    if not answered and sent.ends != "client":
        report.fail(number, sent, "no response before the end of the connection")
    if sent.ends == "answer":
        return client
    client.transport.abort()
    return None


async def _connect(port: int) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    return client


async def _send(client: Client, number: int, sent: Sent, report: Report) -> bool:
    """Send one request and check the responses; False if there is none."""
    start = time.perf_counter()
    client.transport.write(sent.wire)
    if sent.ends == "client":
        client.transport.close()  # this sends the rest of the request first
        await client.ended()
        return False
    answers = 0
    while (answer := await client.answer(has_body=sent.has_body)) is not None:
        status, head, body = answer
        if status == 100:
            continue
        answers += 1
        report.statuses[status] += 1
        if reason := fault(sent, status, head, body):
            report.fail(number, sent, reason)
        if sent.good:
            report.latencies.append(1000 * (time.perf_counter() - start))
        if status == 101:
            client.transport.write(sent.after)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WEBSOCKET_TIMEOUT):
                    await client.ended()
        if sent.ends in ("answer", "socket"):
            break
    return answers > 0


def fault(sent: Sent, status: int, head: bytes, body: bytes) -> str | None:
    """Return why a response is wrong, or None if it is right."""
    if status >= 500 or b"Traceback" in body:
        return f"{status}: {body[:300]!r}"
    if sent.statuses and status not in sent.statuses:
        expected = " or ".join(map(str, sent.statuses))
        return f"{status} instead of {expected}: {body[:300]!r}"
    if b"application/problem+json" not in head or not sent.has_body:
        return None
    try:
        if status != 422:
            msgspec.json.decode(body, type=Refused)
            return None
        refused = msgspec.json.decode(body, type=RefusedValue)
    except msgspec.DecodeError as error:
        return f"not a complete problem document ({error}): {body[:300]!r}"
    if sent.fault is not None and not sent.fault.startswith(refused.field.removesuffix("…")):
        return f"names the field {refused.field[:100]!r} instead of {sent.fault[:100]!r}"
    if sent.row is not None and refused.row != sent.row:
        return f"names row {refused.row} instead of {sent.row}"
    return None


def run(
    port: int, contracts: Sequence[Contract], numbers: Sequence[int], *, seed: int, key: str = KEY
) -> Report:
    """Send requests to a server of these use cases, after a few predictions were logged."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": key}) as client:
        logged = {contract.use_case: log_some(client, contract) for contract in contracts}
    return uvloop.run(fuzz(Source(contracts, key, seed, logged), port, numbers))


def log_some(client: httpx.Client, contract: Contract, count: int = 3) -> list[str]:
    """Request some predictions, wait until they are logged, and return their ids."""
    base = f"/v1/{contract.use_case}"
    ids = []
    for number in range(count):
        row = Source([contract], KEY, number).good_row(number)
        response = client.post(f"{base}/predict", content=row).raise_for_status()
        ids.append(str(response.json()["prediction_id"]))
    deadline = time.monotonic() + 20
    while not all(client.get(f"{base}/predictions/{id_}").json()["logged"] for id_ in ids):
        if time.monotonic() > deadline:
            raise SystemExit("the first predictions were not logged within 20 s")
        time.sleep(0.05)
    return ids


# --- a server to fuzz ---


def write_use_cases(folder: Path) -> list[Contract]:
    """Write the use cases: the shipped one, and one with every type of feature."""
    reference = folder / "reference"
    shutil.copytree(ROOT / "reference" / "fraud", reference / "fraud")
    (reference / "fuzz").mkdir()
    (reference / "fuzz" / "contract.yaml").write_bytes(msgspec.json.encode(MIXED))  # JSON is YAML
    return [read_contract(reference / name) for name in ("fraud", "fuzz")]


def model_files(contract: Contract) -> dict[str, bytes]:
    """Return the files of a small model of random labels."""
    random = np.random.default_rng(1)
    rows = random.integers(0, 2, (500, len(contract.columns))).astype(np.float64)
    labels = (rows[:, 0] + random.normal(size=500) > 0.5).astype(np.int8)
    model = xgboost.XGBClassifier(
        n_estimators=10,
        max_depth=3,
        n_jobs=1,
        random_state=1,
    )
    model.fit(rows.astype(np.float32), labels)
    candidate = Candidate(
        fitted=FittedModel(XGBoostEstimator(), model),
        calibration=Calibration(),
        threshold=0.5,
        params={},
        metrics={},
    )
    return pack(candidate, contract, rows[:32])


def publish(settings: Settings, contract: Contract) -> None:
    """Write version 1 to the folder of models, and promote it in the ledger."""
    assert settings.model_folder
    files = model_files(contract)
    version = settings.model_folder / contract.use_case / "1"
    version.mkdir(parents=True)
    for name, content in files.items():
        (version / name).write_bytes(content)
    (version.parent / "production").write_text("1")
    served = Served(1, digest(files))
    with connect(settings, autocommit=True) as connection:
        Ledger(connection).write(
            "DONE",
            promotion_id=uuid4(),
            use_case=contract.use_case,
            from_version=None,
            from_digest=None,
            to_version=served.version,
            to_digest=served.digest,
            action="PROMOTE",
            actor="fuzz",
            reason="fuzz",
            decision_id=None,
            evidence_hash=None,
        )


def environment(settings: Settings) -> dict[str, str]:
    """Return the server's environment: without a rate limit, and with an allowed origin."""
    return {
        **os.environ,
        "SIXGATE_ROOT": str(settings.root),
        "SIXGATE_HOME": str(settings.home),
        "SIXGATE_MODEL_FOLDER": str(settings.model_folder),
        "SIXGATE_DATABASE_URL": settings.database_url,
        "SIXGATE_API_PORT": str(settings.api_port),
        "SIXGATE_API_KEY": KEY,
        "SIXGATE_RATE_LIMIT": "100000000/second",
        "SIXGATE_CORS_ORIGINS": "https://shop.example",
    }


@contextlib.contextmanager
def serving(folder: Path, database_url: str) -> Iterator[tuple[int, list[Contract]]]:
    """Run `python -m serving` on an empty folder and database; yield its port and its use cases.

    The block starts when the server is ready. Its log is `server.log` in the folder.
    """
    contracts = write_use_cases(folder)
    settings = Settings(
        root=folder,
        home=folder / "home",
        database_url=database_url,
        api_port=free_port(),
        model_folder=folder / "models",
    )
    for contract in contracts:
        publish(settings, contract)
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "serving"]
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(settings),
            stdout=log,
            stderr=log,
        )
    try:
        wait_until_ready(settings.api_port, len(contracts))
        yield settings.api_port, contracts
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def wait_until_ready(port: int, use_cases: int, seconds: float = 60) -> None:
    """Return when every use case has a model."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            response = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2)
            if response.status_code == 200 and len(response.json()["models"]) == use_cases:
                return
        time.sleep(0.05)
    raise SystemExit(f"the server on port {port} was not ready within {seconds:.0f} s")


def tracebacks(log: Path) -> int:
    """Return the number of tracebacks in a server's log."""
    with log.open("rb") as lines:
        return sum(line.count(b"Traceback (most recent call last)") for line in lines)


def main() -> None:
    """Send the requests, print the table and write the figures; exit code 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="send only the request with this number")
    arguments = parser.parse_args()
    numbers = range(arguments.requests) if arguments.only is None else [arguments.only]
    folder = Path(tempfile.mkdtemp(prefix="sixgate-fuzz-"))
    try:
        with database(folder, options=("-c", "fsync=off")) as (postgres, password):
            url = postgres.url(password, "postgres")
            migrate(url, folder / "home")
            with serving(folder, url) as (port, contracts):
                report = run(port, contracts, numbers, seed=arguments.seed)
        traceback_count = tracebacks(folder / "server.log")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(report, traceback_count)
    sys.exit(1 if report.failed or traceback_count else 0)


def show(report: Report, traceback_count: int) -> None:
    """Print the table and write the figures."""
    console = Console()
    title = f"{report.sent:,} requests, seed {report.seed}"
    table = Table("status", "responses", box=None, title=title)
    for status, count in sorted(report.statuses.items()):
        table.add_row(str(status), f"{count:,}")
    console.print(table)
    figures = {
        "requests": float(report.sent),
        "per_second": report.sent / report.seconds,
        "server_errors": float(report.server_errors),
        "failed": float(report.failed),
        "tracebacks": float(traceback_count),
    }
    if report.latencies:
        p50, p99 = np.percentile(report.latencies, [50, 99])
        figures |= {
            "predict_p50_ms": float(p50),
            "predict_p99_ms": float(p99),
            "predict_max_ms": max(report.latencies),
        }
    console.print_json(data={name: round(value, 3) for name, value in figures.items()})
    if report.failed:
        console.print(report.described(), markup=False)
    out = Settings.load().home / "bench" / "fuzz.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
