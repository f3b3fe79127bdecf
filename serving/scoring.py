"""Scoring: rows in, answers out, and every answer in the journal before it leaves."""

import asyncio
import math
from collections.abc import Sequence
from functools import partial

import msgspec
import numpy as np
from anyio.to_thread import run_sync
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.derived_features import Deriver
from serving.journal.group_commit import Commit
from serving.journal.journal import Journal, JournalLine, JournalRow
from serving.journal.prediction_ids import at, now_ms, uuid7
from serving.live_feed import LiveFeed
from serving.metrics.metrics import Metrics
from serving.model.served_model import ServedModel
from serving.wire.problems import Problem
from serving.wire.request_decoding import Intake, Transaction
from serving.wire.schemas import PredictionOut, Risk

Waiting = Sequence[asyncio.Future[bytes]]
encode = msgspec.json.Encoder().encode
LARGE = 64  # from so many rows on, scoring leaves the event loop to others


class UseCaseScorer:
    """One use case: its contract, and the model that serves, swapped as one reference by the reloader."""

    def __init__(
        self, contract: Contract, journal: Journal, replica: str, metrics: Metrics
    ) -> None:
        self.contract, self.use_case = contract, contract.use_case
        self.hash = contract.hash
        self.intake = Intake(contract)
        self.model: ServedModel | None = None
        self.error: str | None = None
        self.sought = False  # whether alias and ledger have been asked since the start
        self._journal, self._replica = journal, replica
        self._derive = Deriver(contract)
        self.live = LiveFeed()
        metrics.listeners.labels(self.use_case).set_function(lambda: len(self.live.listeners))
        self._answered = metrics.answered(self.use_case)
        self._arrived: list[tuple[bytes, asyncio.Future[bytes]]] = []
        self._commit = Commit(journal.sync)
        self._settling: set[asyncio.Task[None]] = set()

    def serving(self) -> ServedModel:
        """The model that serves, or a 503 Problem that says why none does."""
        if self.model is None:
            why = self.error or (
                "nothing is in Production yet"
                if self.sought
                else "it started just now and looks for it"
            )
            raise Problem(503, f"{self.use_case} has no model to serve: {why}")
        return self.model

    def one(self, body: bytes) -> asyncio.Future[bytes]:
        """Score the row of a request together with all that arrive meanwhile: one call, one write.

        The sockets are looked at once more before: together, rows share what a call costs, and find code and trees in the
        processor's cache.
        """
        if not self._arrived:
            self._loop = asyncio.get_running_loop()  # a system call, so not for every row
            self._loop.call_soon(self._loop.call_soon, self._together)
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._arrived.append((body, answer))
        return answer

    async def many(self, transactions: list[Transaction]) -> list[PredictionOut]:
        """Score the rows of one request, journal the answers, and return them in order."""
        model = self.serving()
        features = self.features(transactions)
        if len(transactions) < LARGE:
            scores = model.score(features)
        else:
            scores = await run_sync(partial(model.score, features))
        if not all(map(math.isfinite, scores)):
            raise no_score()
        answers = self._keep(model, transactions, features.tolist(), scores)
        if self._journal.sync_mode == "always":
            await self._commit.wait()
        return answers

    def _together(self) -> None:
        arrived, self._arrived = self._arrived, []
        transactions, waiting = [], []
        for body, answer in arrived:
            try:
                transactions.append(self.intake.one(body))
            except Exception as error:
                settle([answer], error)
            else:
                waiting.append(answer)
        if not waiting:
            return
        try:
            answers = self._score(transactions)
        except Exception as error:
            settle(waiting, error)
            return
        if self._journal.sync_mode == "always":
            task = asyncio.ensure_future(self._settle_synced(waiting, answers))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
        else:
            settle(waiting, answers)

    async def _settle_synced(
        self, waiting: Waiting, answers: Sequence[PredictionOut | None]
    ) -> None:
        try:
            await self._commit.wait()
        except Exception as error:
            settle(waiting, error)
        else:
            settle(waiting, answers)

    def _score(self, transactions: list[Transaction]) -> Sequence[PredictionOut | None]:
        """Answers in order; None for a row that the model has no score for."""
        model = self.serving()
        features = self.features(transactions)
        scores = model.score(features)
        if all(map(math.isfinite, scores)):
            return self._keep(model, transactions, features.tolist(), scores)
        good = [index for index, score in enumerate(scores) if math.isfinite(score)]
        kept = iter(
            self._keep(
                model,
                [transactions[i] for i in good],
                [features[i].tolist() for i in good],
                [scores[i] for i in good],
            )
        )
        return [next(kept) if math.isfinite(score) else None for score in scores]

    def features(self, transactions: list[Transaction]) -> NDArray[np.float64]:
        """Features (n, columns) of accepted rows, raw then derived, NaN where missing."""
        raw = np.frombuffer(b"".join([transaction.raw for transaction in transactions]))
        return self._derive(raw.reshape(len(transactions), -1))

    def _keep(
        self,
        model: ServedModel,
        transactions: list[Transaction],
        features: list[list[float | None]],
        scores: list[float],
    ) -> list[PredictionOut]:
        """Journal the answers, then hand them out."""
        ms = now_ms()
        scored_at = at(ms)
        threshold, version = model.bundle.threshold, model.served.version
        rows, answers, flagged = [], [], 0
        ids = uuid7(ms, len(transactions))
        for transaction, values, score, prediction_id in zip(
            transactions, features, scores, ids, strict=True
        ):
            transaction_id = transaction.transaction_id or prediction_id.replace("-", "")
            label = int(score >= threshold)
            flagged += label
            rows.append(
                JournalRow(
                    prediction_id,
                    transaction_id,
                    values,
                    score,
                    label,
                    transaction.entity_key,
                    transaction.event_time,
                )
            )
            answers.append(
                PredictionOut(
                    transaction_id,
                    prediction_id,
                    score,
                    label,
                    threshold,
                    risk(score, threshold),
                    version,
                )
            )
        self._journal.append(
            JournalLine(
                scored_at, self.use_case, version, self.hash, threshold, self._replica, rows
            )
        )
        self._answered.note(scores, flagged)
        if self.live.listeners:
            self.live.show(scored_at, answers)
        return answers


def settle(waiting: Waiting, outcome: Sequence[PredictionOut | None] | Exception) -> None:
    """Hand the answers to those who wait, None being a row that the model has no score for; or tell all of the error."""
    answers: Sequence[PredictionOut | Exception | None] = (
        [outcome] * len(waiting) if isinstance(outcome, Exception) else outcome
    )
    for future, answer in zip(waiting, answers, strict=True):
        if future.done():  # whoever asked is gone: the server is shutting down, and not gracefully
            continue
        if isinstance(answer, PredictionOut):
            future.set_result(encode(answer))
        else:
            future.set_exception(answer or no_score())


def risk(score: float, threshold: float) -> Risk:
    """Put a score into words, relative to the threshold: high from it on, medium from half of it."""
    if score >= threshold:
        return "high"
    return "medium" if score >= threshold / 2 else "low"


def no_score() -> DataError:
    return DataError(
        "the model has no score for these features: they are beyond what it was trained on"
    )
