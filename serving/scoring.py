"""Scoring: rows in, answers out, and every answer in the journal before it leaves."""

import math
from datetime import datetime
from functools import partial

import numpy as np
from anyio.to_thread import run_sync
from prometheus_client import Counter

from pipelines.errors import DataError
from pipelines.rules.contract import Contract
from pipelines.rules.derive import Deriver
from serving.identifiers import at, now_ms, uuid7
from serving.intake import Intake, Transaction
from serving.journal import Entry, Journal
from serving.messages import Answer, Risk
from serving.metrics import Metrics
from serving.model import Model
from serving.problems import Problem

LARGE = 64  # from so many rows on, scoring leaves the event loop to others


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

    def serving(self) -> Model:
        """The model that serves, or a 503 Problem that says why none does."""
        if self.model is None:
            why = self.error or "nothing is in Production yet"
            raise Problem(503, f"{self.use_case} has no model to serve: {why}")
        return self.model

    async def answer(self, transactions: list[Transaction]) -> list[Answer]:
        """Score the rows in one call, journal the answers, and return them in order."""
        model = self.serving()
        features = self._derive(np.array([transaction.raw for transaction in transactions]))
        if len(transactions) < LARGE:
            scores = model.score(features)
        else:
            scores = await run_sync(partial(model.score, features))
        if not all(map(math.isfinite, scores)):
            raise DataError("the model has no score for these features: they are beyond what it was trained on")
        entries = self._entries(model, transactions, features.tolist(), scores)
        self._journal.append(entries)
        return [self._answer(entry) for entry in entries]

    def _entries(
        self, model: Model, transactions: list[Transaction], features: list[list[float | None]], scores: list[float]
    ) -> list[Entry]:
        ms = now_ms()
        scored_at = at(ms)
        return [
            self._entry(model, transaction, row, score, ms, scored_at)
            for transaction, row, score in zip(transactions, features, scores, strict=True)
        ]

    def _entry(
        self,
        model: Model,
        transaction: Transaction,
        row: list[float | None],
        score: float,
        ms: int,
        scored_at: datetime,
    ) -> Entry:
        threshold, prediction_id = model.bundle.threshold, uuid7(ms)
        return Entry(
            prediction_id,
            scored_at,
            self.use_case,
            transaction.transaction_id or prediction_id.hex,
            transaction.entity_key,
            transaction.event_time or scored_at,
            model.served.version,
            self.hash,
            row,
            score,
            int(score >= threshold),
            threshold,
            self._replica,
        )

    def _answer(self, entry: Entry) -> Answer:
        self._counted[entry.predicted_label].inc()
        return Answer(
            entry.transaction_id,
            entry.prediction_id,
            entry.score,
            entry.predicted_label,
            entry.threshold,
            risk(entry.score, entry.threshold),
            entry.model_version,
        )


def risk(score: float, threshold: float) -> Risk:
    """Put a score into words, relative to the threshold: high from it on, medium from half of it."""
    if score >= threshold:
        return "high"
    return "medium" if score >= threshold / 2 else "low"
