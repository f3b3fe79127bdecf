"""Send simulated transactions to the scoring server over HTTP, at a given rate.

Responses are counted, and labels are posted later.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import numpy as np

from pipelines.errors import DataError
from pipelines.rules.promotion.serving_trial import typed
from pipelines.rules.use_case.contract import Contract
from stack.demo.shipped_baselines import SEED
from stack.demo.simulator import DEFAULT, Transactions, World, simulate

LABELS_PER_POST = 500
MOST_LABEL_DELAY_SECONDS = 0.5  # labels that are due are posted after this time at the latest


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to send the traffic.

    `rate` is in rows per second (0: as fast as possible), `batch` in rows per request. A share of
    `coverage` rows is labelled, `label_delay` seconds after the prediction. `tag` is appended to
    transaction ids.
    """

    rate: float = 0
    batch: int = 1
    concurrency: int = 8
    coverage: float = 0.6
    label_delay: float = 0
    tag: str = ""


@dataclass
class Sent:
    """Counts of what was sent; `failures` has a line per request without a 200 response."""

    answered: int = 0
    labelled: int = 0
    failures: list[str] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    flagged: list[str] = field(default_factory=list)


class _PendingLabel(NamedTuple):
    """A label that is posted when the monotonic clock reaches `due`."""

    due: float
    body: dict[str, Any]


def draw(
    count: int,
    *,
    days: int,
    drift: frozenset[str],
    seed: int | None,
    shuffle: bool,
    use_case: str = DEFAULT,
) -> Transactions:
    """Return `count` simulated transactions of a use case, of the whole days up to today.

    With `shuffle` they are in random order, so that any part of them is like all of them.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    world = World(
        seed=SEED if seed is None else seed,
        start=today - timedelta(days=days),
        days=days,
        drift=drift,
    )
    transactions = simulate(world, use_case)
    if count > len(transactions):
        raise DataError(
            f"{days} days have {len(transactions):,} transactions, fewer than {count:,}: "
            "increase --days"
        )
    order = np.random.default_rng(world.seed).permutation(len(transactions))[:count]
    return transactions.take(order if shuffle else np.sort(order))


def rows(transactions: Transactions, contract: Contract, *, tag: str) -> list[dict[str, Any]]:
    """Return transactions as request rows, with values typed by the contract.

    The tag is appended to each transaction id to make it unique. A feature that the simulator does
    not have is not sent, as a client does that keeps to an earlier contract.
    """
    times = np.datetime_as_string(transactions.event_time, unit="ms")
    names = transactions.transaction_id
    entities = transactions.entity_key
    columns: dict[str, list[Any]] = {
        contract.transaction_id: [f"{name}{tag}" for name in names],
        contract.entity_key: [str(entity) for entity in entities],
        contract.event_time: [f"{time}Z" for time in times],
    }
    for feature in contract.features:
        if feature.name in transactions.features:
            values = np.round(transactions.features[feature.name], 6)
            columns[feature.name] = typed(feature, values)
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


class TrafficStream:
    """One stream of transactions to one server."""

    def __init__(
        self, url: str, api_key: str, contract: Contract, transactions: Transactions, plan: Plan
    ) -> None:
        self._base = f"{url}/v1/{contract.use_case}"
        self._headers = {"X-API-Key": api_key}
        self._plan = plan
        self._rows = rows(transactions, contract, tag=plan.tag)
        self._labels = transactions.label.tolist()
        self._pending: deque[_PendingLabel] = deque()
        random = np.random.default_rng(len(self._rows))
        self._labelled = random.random(len(self._rows)) < plan.coverage
        self._stopped = False
        self.sent = Sent()

    def stop(self) -> None:
        """Send no more rows; requests in progress finish, and labels that are due are posted."""
        self._stopped = True

    def run(self, progress: Callable[[Sent], None] = lambda _: None) -> Sent:
        """Send all rows, or until stopped, and return the counts."""
        asyncio.run(self._run(progress))
        return self.sent

    async def _run(self, progress: Callable[[Sent], None]) -> None:
        async with httpx.AsyncClient(headers=self._headers, timeout=30) as client:
            starts = iter(range(0, len(self._rows), self._plan.batch))
            began = time.monotonic()
            workers = (
                self._worker(client, starts, began, progress) for _ in range(self._plan.concurrency)
            )
            await asyncio.gather(*workers)
            # Labels may be due after the last transaction.
            while self._pending and not self._stopped:
                wait = max(0.0, self._pending[0].due - time.monotonic())
                await asyncio.sleep(min(MOST_LABEL_DELAY_SECONDS, wait))
                await self._post_labels(client)
                progress(self.sent)
            await self._post_labels(client, include_not_due=True)
            progress(self.sent)

    async def _worker(
        self,
        client: httpx.AsyncClient,
        starts: Iterator[int],
        began: float,
        progress: Callable[[Sent], None],
    ) -> None:
        for start in starts:
            if self._stopped:
                return
            if self._plan.rate:
                send_time = began + start / self._plan.rate
                await asyncio.sleep(max(0.0, send_time - time.monotonic()))
            await self._send(client, start)
            await self._post_labels(client)
            progress(self.sent)

    async def _send(self, client: httpx.AsyncClient, start: int) -> None:
        batch = self._rows[start : start + self._plan.batch]
        single = len(batch) == 1
        path = "/predict" if single else "/predict/batch"
        body = batch[0] if single else {"rows": batch}
        try:
            response = await client.post(self._base + path, json=body)
        except httpx.HTTPError as error:
            self.sent.failures.append(repr(error))
            return
        if response.status_code != 200:
            self.sent.failures.append(f"{response.status_code} {response.text[:300]}")
            return
        result = response.json()
        self._count([result] if single else result["predictions"], start)

    def _count(self, predictions: list[dict[str, Any]], start: int) -> None:
        self.sent.answered += len(predictions)
        due = time.monotonic() + self._plan.label_delay
        for position, prediction in enumerate(predictions, start=start):
            self.sent.versions[prediction["model_version"]] += 1
            if prediction["predicted_label"]:
                self.sent.flagged.append(prediction["prediction_id"])
            if self._labelled[position]:
                label = self._labels[position]
                body = {"transaction_id": prediction["transaction_id"], "label": label}
                self._pending.append(_PendingLabel(due, body))

    async def _post_labels(
        self, client: httpx.AsyncClient, *, include_not_due: bool = False
    ) -> None:
        while self._pending and (include_not_due or self._labels_are_due()):
            size = min(LABELS_PER_POST, len(self._pending))
            batch = [self._pending.popleft().body for _ in range(size)]
            response = await client.post(f"{self._base}/labels", json={"labels": batch})
            if response.status_code != 200:
                self.sent.failures.append(f"labels: {response.status_code} {response.text[:300]}")
                return
            self.sent.labelled += len(batch)

    def _labels_are_due(self) -> bool:
        """Return whether a full batch of labels is due, or the oldest has been due for a while."""
        now = time.monotonic()
        if self._pending[0].due + MOST_LABEL_DELAY_SECONDS <= now:
            return True
        full = len(self._pending) >= LABELS_PER_POST
        return full and self._pending[LABELS_PER_POST - 1].due <= now
