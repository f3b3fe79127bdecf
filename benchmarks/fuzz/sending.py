"""Sends requests to a server and checks the responses."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence

import httpx
import uvloop

from benchmarks.fuzz.client import Client
from benchmarks.fuzz.report import Report
from benchmarks.fuzz.requests.drawing import request
from benchmarks.fuzz.requests.source import Source
from benchmarks.fuzz.requests.wire import Sent
from benchmarks.fuzz.responses import fault
from benchmarks.fuzz.server import KEY
from pipelines.rules.use_case.contract import Contract

CONNECTIONS = 8  # fewer than the explanations that the server queues
TIMEOUT = 20.0  # seconds until a request counts as not answered
WEBSOCKET_TIMEOUT = 0.2  # seconds until a client closes a WebSocket that the server leaves open


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
        sent = request(source, number)
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
