"""Simulated transactions as real HTTP traffic: sent at a wanted rate, answers counted, labels posted later."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np

from pipelines.errors import DataError
from pipelines.rules.promotion.serving_trial import typed
from pipelines.rules.use_case.contract import Contract
from stack.demo.shipped_baselines import SEED
from stack.demo.simulator import Transactions, World, simulate

LABELS_PER_POST = 500
BACKLOG_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to send: rows per second (0: as fast as it goes), rows per request, and which share is labelled how much later."""

    rate: float = 0
    batch: int = 1
    concurrency: int = 8
    coverage: float = 0.6
    label_delay: float = 0
    tag: str = ""


@dataclass
class Sent:
    """What became of the traffic; `failures` are answers other than 2xx, or none at all."""

    answered: int = 0
    labelled: int = 0
    failures: list[str] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    flagged: list[str] = field(default_factory=list)


def draw(
    count: int, *, days: int, drift: frozenset[str], seed: int | None, shuffle: bool
) -> Transactions:
    """Transactions of the whole days up to today; in random order, so that any part of them looks like all of them."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    world = World(
        seed=SEED if seed is None else seed,
        start=today - timedelta(days=days),
        days=days,
        drift=drift,
    )
    transactions = simulate(world)
    if count > len(transactions):
        raise DataError(
            f"{days} days hold {len(transactions):,} transactions, and {count:,} were asked for: add --days"
        )
    order = np.random.default_rng(world.seed).permutation(len(transactions))[:count]
    return transactions.take(order if shuffle else np.sort(order))


def rows(transactions: Transactions, contract: Contract, *, tag: str) -> list[dict[str, Any]]:
    """Transactions as the API takes them: typed by the contract, ids made unique by a tag."""
    columns = {
        f.name: typed(f, np.round(transactions.features[f.name], 6)) for f in contract.features
    }
    times = [f"{moment}Z" for moment in np.datetime_as_string(transactions.event_time, unit="ms")]
    return [
        {
            contract.transaction_id: f"{name}{tag}",
            contract.entity_key: str(entity),
            contract.event_time: moment,
            **{feature: column[at] for feature, column in columns.items()},
        }
        for at, (name, entity, moment) in enumerate(
            zip(transactions.transaction_id, transactions.entity_key, times, strict=True)
        )
    ]


class TrafficStream:
    """One stream of transactions to one server."""

    def __init__(
        self, url: str, api_key: str, contract: Contract, transactions: Transactions, plan: Plan
    ) -> None:
        self._base, self._headers = f"{url}/v1/{contract.use_case}", {"X-API-Key": api_key}
        self._contract, self._plan = contract, plan
        self._rows = rows(transactions, contract, tag=plan.tag)
        self._labels = transactions.label.tolist()
        self._due: deque[tuple[float, dict[str, Any]]] = deque()
        self._labelled = (
            np.random.default_rng(len(self._rows)).random(len(self._rows)) < plan.coverage
        )
        self._stopped = False
        self.sent = Sent()

    def stop(self) -> None:
        """Let what is under way finish, and no more be sent; labels that are due are posted."""
        self._stopped = True

    def run(self, progress: Callable[[Sent], None] = lambda _: None) -> Sent:
        """Send everything, or until stopped; returns the counts."""
        asyncio.run(self._run(progress))
        return self.sent

    async def _run(self, progress: Callable[[Sent], None]) -> None:
        async with httpx.AsyncClient(headers=self._headers, timeout=30) as client:
            work = iter(range(0, len(self._rows), self._plan.batch))
            begun = time.monotonic()
            await asyncio.gather(
                *(
                    self._worker(client, work, begun, progress)
                    for _ in range(self._plan.concurrency)
                )
            )
            while (
                self._due and not self._stopped
            ):  # labels come when they are due, also after the last transaction
                await asyncio.sleep(
                    min(BACKLOG_SECONDS, max(0.0, self._due[0][0] - time.monotonic()))
                )
                await self._post_labels(client)
                progress(self.sent)
            await self._post_labels(client, all_of_them=True)
            progress(self.sent)

    async def _worker(
        self, client: httpx.AsyncClient, work: Any, begun: float, progress: Callable[[Sent], None]
    ) -> None:
        for start in work:
            if self._stopped:
                return
            if self._plan.rate:
                await asyncio.sleep(max(0.0, begun + start / self._plan.rate - time.monotonic()))
            await self._send(client, start)
            await self._post_labels(client)
            progress(self.sent)

    async def _send(self, client: httpx.AsyncClient, start: int) -> None:
        group = self._rows[start : start + self._plan.batch]
        single = len(group) == 1
        path, body = ("/predict", group[0]) if single else ("/predict/batch", {"rows": group})
        try:
            answer = await client.post(self._base + path, json=body)
        except httpx.HTTPError as error:
            self.sent.failures.append(repr(error))
            return
        if answer.status_code != 200:
            self.sent.failures.append(f"{answer.status_code} {answer.text[:300]}")
            return
        found = answer.json()
        self._count([found] if single else found["predictions"], start)

    def _count(self, predictions: list[dict[str, Any]], start: int) -> None:
        self.sent.answered += len(predictions)
        due = time.monotonic() + self._plan.label_delay
        for at, prediction in enumerate(predictions, start=start):
            self.sent.versions[prediction["model_version"]] += 1
            if prediction["predicted_label"]:
                self.sent.flagged.append(prediction["prediction_id"])
            if self._labelled[at]:
                self._due.append(
                    (
                        due,
                        {"transaction_id": prediction["transaction_id"], "label": self._labels[at]},
                    )
                )

    async def _post_labels(self, client: httpx.AsyncClient, *, all_of_them: bool = False) -> None:
        while self._due and (all_of_them or self._ripe()):
            group = [self._due.popleft()[1] for _ in range(min(LABELS_PER_POST, len(self._due)))]
            answer = await client.post(f"{self._base}/labels", json={"labels": group})
            if answer.status_code != 200:
                self.sent.failures.append(f"labels: {answer.status_code} {answer.text[:300]}")
                return
            self.sent.labelled += len(group)

    def _ripe(self) -> bool:
        """Whether a post's worth of labels is due, or the oldest has been due for a while."""
        now = time.monotonic()
        full = len(self._due) >= LABELS_PER_POST and self._due[LABELS_PER_POST - 1][0] <= now
        return full or self._due[0][0] + BACKLOG_SECONDS <= now
