"""`make bench-fuzz`: a million requests, good ones and wrong ones; how many of them the server fails to answer as it should."""

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

CONNECTIONS = 8  # fewer than the rows that may wait to be explained
SLOWEST = 20.0  # seconds until a request counts as not answered
PATIENCE = 0.2  # seconds until a client closes a WebSocket that the server leaves open
MOST_FAILURES = 20  # that are kept; the others are counted
KEY = "fuzz"
MIXED = {
    "title": "Fuzz", "entity_key": "person_id", "event_time": "event_time", "transaction_id": "transaction_id",
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
}  # fmt: skip
"""A contract with every type of feature."""


@dataclass
class Failure:
    """A request that was not answered as it should have been."""

    number: int
    kind: str
    why: str
    wire: bytes


@dataclass
class Report:
    """What came back in one run."""

    seed: int
    sent: int = 0
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)  # of good predictions, in milliseconds

    def fail(self, number: int, sent: Sent, why: str) -> None:
        """Note a failure."""
        self.failed += 1
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(Failure(number, sent.kind, why, sent.wire))

    @property
    def server_errors(self) -> int:
        """Answers with a status of 500 and more."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def described(self) -> str:
        """The failures in words, with how to send each of them again."""
        lines = [
            f"{self.failed} of {self.sent} requests were not answered as they should be (seed {self.seed})",
            *(
                f"--seed {self.seed} --only {f.number}: {f.kind}: {f.why}: {f.wire[:300]!r}"
                for f in self.failures
            ),
        ]
        return "\n".join(lines)


class Refused(msgspec.Struct):
    """What a problem document has to hold."""

    type: str
    title: str
    status: int
    detail: str


class RefusedValue(Refused):
    """What it holds when a value breaks its rule."""

    field: str
    value: object
    rule: str
    row: int | None = None


class Client(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self) -> None:
        self._buffer = b""
        self._news = asyncio.Event()
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep a part of an answer."""
        self._buffer = self._buffer + data if self._buffer else data
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        """The server closed it, or we did."""
        self.open = False
        self._news.set()

    async def answer(self, *, has_body: bool) -> tuple[int, bytes, bytes] | None:
        """The next answer's status, head and body; None when the connection ends before."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if not await self._more():
                return None
        head = self._buffer[:end].lower()
        status = int(head[9:12])
        start = end + 4
        length = 0
        if has_body and status != 101:
            place = head.find(b"\r\ncontent-length:")
            length = (
                int(head[place + 17 : (head + b"\r\n").find(b"\r\n", place + 2)])
                if place >= 0
                else 0
            )
        while len(self._buffer) < start + length:
            if not await self._more():
                return None
        body, self._buffer = self._buffer[start : start + length], self._buffer[start + length :]
        return status, head, body

    async def ended(self) -> None:
        """Wait until the server closes the connection."""
        while await self._more():
            self._buffer = b""

    async def _more(self) -> bool:
        if not self.open:
            return False
        self._news.clear()
        await self._news.wait()
        return self.open or bool(self._buffer)


async def fuzz(source: Source, port: int, numbers: Sequence[int]) -> Report:
    """Send the requests with these numbers, several at a time, each once."""
    report = Report(source.seed)
    left = iter(numbers)
    begun = time.perf_counter()
    await asyncio.gather(*(_send_all(source, port, left, report) for _ in range(CONNECTIONS)))
    report.seconds = time.perf_counter() - begun
    return report


async def _send_all(source: Source, port: int, numbers: Iterator[int], report: Report) -> None:
    client: Client | None = None
    for number in numbers:
        sent = source.request(number)
        report.sent += 1
        report.kinds[sent.kind.split(":")[0]] += 1
        try:
            async with asyncio.timeout(SLOWEST):
                if client is None or not client.open or sent.ends != "answer":
                    if client:
                        client.transport.abort()
                    client = await _connect(port)
                answered = await _send(client, number, sent, report)
                if (
                    not answered and sent.ends == "answer"
                ):  # the server may close a connection that was kept open at any time
                    client = await _connect(port)
                    answered = await _send(client, number, sent, report)
                if not answered and sent.ends != "client":
                    report.fail(number, sent, "no answer before the end of the connection")
                if sent.ends != "answer":
                    client.transport.abort()
                    client = None
        except TimeoutError:
            report.fail(number, sent, f"no answer within {SLOWEST:.0f} s")
            client = None
        except OSError as error:
            report.fail(number, sent, f"the server does not accept: {error}")
            return
    if client:
        client.transport.abort()


async def _connect(port: int) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    return client


async def _send(client: Client, number: int, sent: Sent, report: Report) -> bool:
    """Send one request and judge what comes back; False when nothing does."""
    begun = time.perf_counter()
    client.transport.write(sent.wire)
    if sent.ends == "client":
        client.transport.close()  # what is left is sent before the end
        await client.ended()
        return False
    answers = 0
    while (answer := await client.answer(has_body=sent.has_body)) is not None:
        status, head, body = answer
        if status == 100:
            continue
        answers += 1
        report.statuses[status] += 1
        if why := fault(sent, status, head, body):
            report.fail(number, sent, why)
        if sent.good:
            report.latencies.append(1000 * (time.perf_counter() - begun))
        if status == 101:
            client.transport.write(sent.after)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await client.ended()
        if sent.ends in ("answer", "socket"):
            break
    return answers > 0


def fault(sent: Sent, status: int, head: bytes, body: bytes) -> str | None:
    """Why an answer is wrong, None when it is right."""
    if status >= 500 or b"Traceback" in body:
        return f"{status}: {body[:300]!r}"
    if sent.statuses and status not in sent.statuses:
        return f"{status} instead of {' or '.join(map(str, sent.statuses))}: {body[:300]!r}"
    if b"application/problem+json" not in head or not sent.has_body:
        return None
    try:
        if status != 422:
            msgspec.json.decode(body, type=Refused)
            return None
        refused = msgspec.json.decode(body, type=RefusedValue)
    except msgspec.DecodeError as error:
        return f"not a whole refusal ({error}): {body[:300]!r}"
    if sent.fault is not None and not sent.fault.startswith(refused.field.removesuffix("…")):
        return f"names the field {refused.field[:100]!r} instead of {sent.fault[:100]!r}"
    if sent.row is not None and refused.row != sent.row:
        return f"names row {refused.row} instead of {sent.row}"
    return None


def run(
    port: int, contracts: Sequence[Contract], numbers: Sequence[int], *, seed: int, key: str = KEY
) -> Report:
    """Fuzz a server of some use cases, which knows a few predictions."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": key}) as client:
        known = {contract.use_case: logged(client, contract) for contract in contracts}
    return uvloop.run(fuzz(Source(contracts, key, seed, known), port, numbers))


def logged(client: httpx.Client, contract: Contract, count: int = 3) -> list[str]:
    """Ids of some new predictions, once they are logged."""
    ids = []
    for number in range(count):
        row = Source([contract], KEY, number).good_row(number)
        answer = client.post(f"/v1/{contract.use_case}/predict", content=row).raise_for_status()
        ids.append(str(answer.json()["prediction_id"]))
    deadline = time.monotonic() + 20
    while not all(
        client.get(f"/v1/{contract.use_case}/predictions/{id_}").json()["logged"] for id_ in ids
    ):
        if time.monotonic() > deadline:
            raise SystemExit("the first predictions were not logged within 20 s")
        time.sleep(0.05)
    return ids


# --- a server to fuzz ---


def lay_out(folder: Path) -> list[Contract]:
    """The use cases: the shipped one, and one with every type of feature."""
    reference = folder / "reference"
    shutil.copytree(ROOT / "reference" / "fraud", reference / "fraud")
    (reference / "fuzz").mkdir()
    (reference / "fuzz" / "contract.yaml").write_bytes(msgspec.json.encode(MIXED))  # JSON is YAML
    return [read_contract(reference / name) for name in ("fraud", "fuzz")]


def model_files(contract: Contract) -> dict[str, bytes]:
    """A small model of random labels."""
    random = np.random.default_rng(1)
    rows = random.integers(0, 2, (500, len(contract.columns))).astype(np.float64)
    labels = (rows[:, 0] + random.normal(size=500) > 0.5).astype(np.int8)
    model = xgboost.XGBClassifier(n_estimators=10, max_depth=3, n_jobs=1, random_state=1).fit(
        rows.astype(np.float32), labels
    )
    candidate = Candidate(
        fitted=FittedModel(XGBoostEstimator(), model),
        calibration=Calibration(),
        threshold=0.5,
        params={},
        metrics={},
    )
    return pack(candidate, contract, rows[:32])


def publish(settings: Settings, contract: Contract) -> None:
    """Lay version 1 into the folder of models, and name it in the ledger."""
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
            "DONE", promotion_id=uuid4(), use_case=contract.use_case, from_version=None, from_digest=None,
            to_version=served.version, to_digest=served.digest, action="PROMOTE", actor="fuzz", reason="fuzz", decision_id=None,
            evidence_hash=None,
        )  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """What the server is told; nothing limits how much is asked, and origins may be allowed."""
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
    """`python -m serving` on a folder and a database of its own, once it is ready: its port and its use cases.

    Its log is `server.log` in the folder.
    """
    contracts = lay_out(folder)
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
            command, cwd=ROOT, env=environment(settings), stdout=log, stderr=log
        )
    try:
        wait_until_ready(settings.api_port, len(contracts))
        yield settings.api_port, contracts
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def wait_until_ready(port: int, use_cases: int, seconds: float = 60) -> None:
    """Return once every use case has a model."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2)
            if answer.status_code == 200 and len(answer.json()["models"]) == use_cases:
                return
        time.sleep(0.05)
    raise SystemExit(f"the server on port {port} was not ready within {seconds:.0f} s")


def tracebacks(log: Path) -> int:
    """How many tracebacks a server's log holds."""
    with log.open("rb") as lines:
        return sum(line.count(b"Traceback (most recent call last)") for line in lines)


def main() -> None:
    """Send the requests, print the table, write the figures; the exit code is 1 when any was not answered as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="send the request with this number alone")
    arguments = parser.parse_args()
    numbers = range(arguments.requests) if arguments.only is None else [arguments.only]
    folder = Path(tempfile.mkdtemp(prefix="sixgate-fuzz-"))
    try:
        with database(folder, options=("-c", "fsync=off")) as (postgres, password):
            url = postgres.url(password, "postgres")
            migrate(url, folder / "home")
            with serving(folder, url) as (port, contracts):
                report = run(port, contracts, numbers, seed=arguments.seed)
        found = tracebacks(folder / "server.log")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(report, found)
    sys.exit(1 if report.failed or found else 0)


def show(report: Report, found: int) -> None:
    """Print the table and write the figures."""
    console = Console()
    table = Table(
        "status", "answers", box=None, title=f"{report.sent:,} requests, seed {report.seed}"
    )
    for status, count in sorted(report.statuses.items()):
        table.add_row(str(status), f"{count:,}")
    console.print(table)
    figures = {
        "requests": float(report.sent),
        "per_second": report.sent / report.seconds,
        "server_errors": float(report.server_errors),
        "failed": float(report.failed),
        "tracebacks": float(found),
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
