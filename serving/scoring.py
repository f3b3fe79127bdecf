"""Scoring: rows in, answers out, and every answer in the journal before it leaves."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import numpy as np
from anyio.to_thread import run_sync
from numpy.typing import NDArray
from prometheus_client import Counter

from pipelines.errors import DataError
from pipelines.rules.contract import Contract
from pipelines.rules.derive import Deriver
from serving.commit import Commit
from serving.identifiers import at, now_ms, uuid7
from serving.intake import Intake, Transaction
from serving.journal import Entry, Journal
from serving.messages import Answer, Risk
from serving.metrics import Metrics
from serving.model import Model
from serving.problems import Problem

LARGE = 64  # from so many rows on, scoring leaves the event loop to others


@dataclass
class Batch:
    """Rows that arrived together, and the answers they wait for: None where the model has no score."""

    done: asyncio.Future[None]
    rows: list[Transaction] = field(default_factory=list)
    answers: Sequence[Answer | None] = ()

    def settle(self, error: Exception | None = None) -> None:
        """Wake those who wait; at a shutdown that was not graceful there may be nobody left."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class Scorer:
    """One use case: its contract, and the model that serves, swapped as one reference by the reloader."""

    def __init__(self, contract: Contract, journal: Journal, replica: str, metrics: Metrics) -> None:
        self.contract, self.use_case = contract, contract.use_case
        self.hash = contract.hash
        self.intake = Intake(contract)
        self.model: Model | None = None
        self.error: str | None = None
        self._journal, self._replica = journal, replica
        self._derive = Deriver(contract)
        self._counted: tuple[Counter, Counter] = tuple(metrics.predictions.labels(self.use_case, label) for label in (0, 1))  # type: ignore[assignment]
        self._batch: Batch | None = None
        self._commit = Commit(journal.sync)
        self._settling: set[asyncio.Task[None]] = set()

    def serving(self) -> Model:
        """The model that serves, or a 503 Problem that says why none does."""
        if self.model is None:
            why = self.error or "nothing is in Production yet"
            raise Problem(503, f"{self.use_case} has no model to serve: {why}")
        return self.model

    async def one(self, transaction: Transaction) -> Answer:
        """Score a row together with all that arrive meanwhile: one call, one write.

        The sockets are looked at once more before: together, rows share what a call costs, and find the trees in the cache.
        """
        batch = self._batch
        if batch is None:
            loop = asyncio.get_running_loop()  # a system call, so not for every row
            batch = self._batch = Batch(loop.create_future())
            loop.call_soon(loop.call_soon, self._together)
        place = len(batch.rows)
        batch.rows.append(transaction)
        await batch.done
        answer = batch.answers[place]
        if answer is None:
            raise _no_score()
        return answer

    async def many(self, transactions: list[Transaction]) -> list[Answer]:
        """Score the rows of one request, journal the answers, and return them in order."""
        model = self.serving()
        features = self._features(transactions)
        if len(transactions) < LARGE:
            scores = model.score(features)
        else:
            scores = await run_sync(partial(model.score, features))
        if not all(map(math.isfinite, scores)):
            raise _no_score()
        answers = self._keep(model, transactions, features.tolist(), scores)
        if self._journal.sync_mode == "always":
            await self._commit.wait()
        return answers

    def _together(self) -> None:
        batch, self._batch = self._batch, None
        assert batch is not None
        try:
            batch.answers = self._score(batch.rows)
        except Exception as error:
            batch.settle(error)
            return
        if self._journal.sync_mode == "always":
            task = asyncio.ensure_future(self._settle_synced(batch))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
        else:
            batch.settle()

    def _score(self, transactions: list[Transaction]) -> Sequence[Answer | None]:
        """Answers in order; None for a row that the model has no score for."""
        model = self.serving()
        features = self._features(transactions)
        scores = model.score(features)
        if all(map(math.isfinite, scores)):
            return self._keep(model, transactions, features.tolist(), scores)
        good = [index for index, score in enumerate(scores) if math.isfinite(score)]
        kept = iter(
            self._keep(model, [transactions[i] for i in good], [features[i].tolist() for i in good], [scores[i] for i in good])
        )
        return [next(kept) if math.isfinite(score) else None for score in scores]

    def _features(self, transactions: list[Transaction]) -> NDArray[np.float64]:
        return self._derive(np.array([transaction.raw for transaction in transactions], dtype=np.float64))

    async def _settle_synced(self, batch: Batch) -> None:
        try:
            await self._commit.wait()
        except Exception as error:
            batch.settle(error)
        else:
            batch.settle()

    def _keep(
        self, model: Model, transactions: list[Transaction], features: list[list[float | None]], scores: list[float]
    ) -> list[Answer]:
        """Journal the answers, then hand them out."""
        ms = now_ms()
        scored_at = at(ms)
        threshold, version = model.bundle.threshold, model.served.version
        entries = [
            self._entry(transaction, row, score, ms, scored_at, threshold, version)
            for transaction, row, score in zip(transactions, features, scores, strict=True)
        ]
        self._journal.append(entries)
        flagged = sum(entry.predicted_label for entry in entries)
        self._counted[1].inc(flagged)
        self._counted[0].inc(len(entries) - flagged)
        return [
            Answer(e.transaction_id, e.prediction_id, e.score, e.predicted_label, threshold, risk(e.score, threshold), version)
            for e in entries
        ]

    def _entry(
        self,
        transaction: Transaction,
        row: list[float | None],
        score: float,
        ms: int,
        scored_at: datetime,
        threshold: float,
        version: int,
    ) -> Entry:
        prediction_id = uuid7(ms)
        return Entry(
            prediction_id,
            scored_at,
            self.use_case,
            transaction.transaction_id or prediction_id.replace("-", ""),
            transaction.entity_key,
            transaction.event_time or scored_at,
            version,
            self.hash,
            row,
            score,
            int(score >= threshold),
            threshold,
            self._replica,
        )


def risk(score: float, threshold: float) -> Risk:
    """Put a score into words, relative to the threshold: high from it on, medium from half of it."""
    if score >= threshold:
        return "high"
    return "medium" if score >= threshold / 2 else "low"


def _no_score() -> DataError:
    return DataError("the model has no score for these features: they are beyond what it was trained on")
