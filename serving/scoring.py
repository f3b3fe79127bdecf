"""Scores rows; every prediction is written to the journal before it is returned."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial

import msgspec
from anyio.to_thread import run_sync

from pipelines.errors import DataError
from pipelines.rules.model.risk_band import risk_band
from pipelines.rules.use_case.contract import Contract
from serving.journal.group_commit import GroupCommit
from serving.journal.journal import Journal, JournalLine, JournalRow
from serving.journal.prediction_ids import datetime_of, now_ms, uuid7
from serving.live_feed import LiveFeed
from serving.metrics.metrics import Metrics
from serving.model.scoring_state import AcceptedContracts, ScoringState
from serving.model.served_model import ServedModel
from serving.wire.problems import Problem
from serving.wire.request_decoding import Transaction
from serving.wire.schemas import PredictionOut

Waiting = Sequence[asyncio.Future[bytes]]
encode = msgspec.json.Encoder().encode
LARGE = 64  # rows from which a batch is scored in a thread, so that it does not block the loop


class UseCaseScorer:
    """Scores the rows of one use case by its `state`: the contracts, and the model in service.

    The reloader's thread replaces the state with one assignment. Whoever scores rows reads it once.
    """

    def __init__(
        self,
        contract: Contract,
        journal: Journal,
        replica: str,
        metrics: Metrics,
        earlier: Sequence[Contract] = (),
    ) -> None:
        self.use_case = contract.use_case
        self.refused_rows: Counter[tuple[str, str]] = Counter()
        self.refused_labels: Counter[tuple[str, str]] = Counter()
        metrics.values.watch(self.use_case, self.refused_rows)
        metrics.values.watch(self.use_case, self.refused_labels)
        self._earlier_rows = metrics.earlier_rows(self.use_case)
        self.state = ScoringState(self._accepted(contract, earlier), None)
        self.error: str | None = None
        self.looked_up = False  # whether alias and ledger have been read since the start
        # Whether the ledger has a version in Production; None until it was read.
        self.in_production: bool | None = None
        self.followed_at = time.monotonic()  # when its promotions were looked for last
        self._journal = journal
        self._replica = replica
        self.live = LiveFeed()
        metrics.contracts.labels(self.use_case).set_function(lambda: 1 + len(self.earlier))
        metrics.listeners.labels(self.use_case).set_function(lambda: len(self.live.listeners))
        self._counts = metrics.prediction_counts(self.use_case)
        self._pending: list[tuple[bytes, asyncio.Future[bytes]]] = []
        self._commit = GroupCommit(journal.sync)
        self._settling: set[asyncio.Task[None]] = set()

    @property
    def contract(self) -> Contract:
        """The current contract."""
        return self.state.contracts.contract

    @property
    def earlier(self) -> tuple[Contract, ...]:
        """The earlier contracts that are still accepted, the newest first."""
        return self.state.contracts.earlier

    @property
    def model(self) -> ServedModel | None:
        """The model in service."""
        return self.state.model

    @model.setter
    def model(self, model: ServedModel | None) -> None:
        self.state = ScoringState(self.state.contracts, model)

    def accept(self, contract: Contract, earlier: Sequence[Contract] = ()) -> None:
        """Make a contract the current one; rows of the earlier ones are accepted too."""
        self.state = ScoringState(self._accepted(contract, earlier), self.state.model)

    def serving(self, state: ScoringState | None = None) -> ServedModel:
        """Return the model in service, or raise a 503 Problem with the reason why there is none."""
        model = (state or self.state).model
        if model is None:
            raise Problem(503, f"{self.use_case} has no model to serve: {self.why_no_model()}")
        return model

    def score_row(self, body: bytes) -> asyncio.Future[bytes]:
        """Score the row of a request together with rows that arrive at the same time.

        They share one call of the model and one write. The nested `call_soon` makes the event loop
        poll its sockets once more first: rows that are scored together share the cost of a call,
        and find code and trees in the processor's cache.
        """
        if not self._pending:
            self._loop = asyncio.get_running_loop()  # a system call, so not for every row
            self._loop.call_soon(self._loop.call_soon, self._score_pending)
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._pending.append((body, answer))
        return answer

    async def score_batch(
        self, state: ScoringState, transactions: list[Transaction]
    ) -> list[PredictionOut]:
        """Score the rows of one request, journal the predictions, and return them in order.

        `state` is the one by which the rows were decoded.
        """
        model = self.serving(state)
        features = state.contracts.features(transactions)
        inputs = state.inputs(features)
        if len(transactions) < LARGE:
            scores = model.score(inputs)
        else:
            scores = await run_sync(partial(model.score, inputs))
        if not all(map(math.isfinite, scores)):
            raise no_score_error()
        predictions = self._record(state, transactions, features.tolist(), scores)
        if self._journal.sync_mode == "always":
            await self._commit.wait()
        return predictions

    def _accepted(self, contract: Contract, earlier: Sequence[Contract]) -> AcceptedContracts:
        return AcceptedContracts(
            contract,
            earlier,
            refused_rows=self.refused_rows,
            refused_labels=self.refused_labels,
            taken=self._earlier_rows,
        )

    def why_no_model(self) -> str:
        """Say why there is no model in service."""
        if self.error:
            return self.error
        if self.looked_up:
            return "no version is in Production yet"
        return "the server is starting and the model is being loaded"

    def _score_pending(self) -> None:
        pending = self._pending
        self._pending = []
        state = self.state
        decode = state.contracts.decoder.decode_row
        transactions = []
        waiting = []
        for body, answer in pending:
            try:
                transactions.append(decode(body))
            except Exception as error:
                settle([answer], error)
            else:
                waiting.append(answer)
        if not waiting:
            return
        try:
            predictions = self._score(state, transactions)
        except Exception as error:
            settle(waiting, error)
            return
        if self._journal.sync_mode == "always":
            task = asyncio.ensure_future(self._settle_synced(waiting, predictions))
            self._settling.add(task)  # the loop keeps no strong reference to a task
            task.add_done_callback(self._settling.discard)
        else:
            settle(waiting, predictions)

    async def _settle_synced(
        self, waiting: Waiting, predictions: Sequence[PredictionOut | None]
    ) -> None:
        try:
            await self._commit.wait()
        except Exception as error:
            settle(waiting, error)
        else:
            settle(waiting, predictions)

    def _score(
        self, state: ScoringState, transactions: list[Transaction]
    ) -> Sequence[PredictionOut | None]:
        """Return predictions in order; None for a row that has no finite score."""
        model = self.serving(state)
        features = state.contracts.features(transactions)
        scores = model.score(state.inputs(features))
        if all(map(math.isfinite, scores)):
            return self._record(state, transactions, features.tolist(), scores)
        finite = [index for index, score in enumerate(scores) if math.isfinite(score)]
        predictions = self._record(
            state,
            [transactions[index] for index in finite],
            [features[index].tolist() for index in finite],
            [scores[index] for index in finite],
        )
        remaining = iter(predictions)
        return [next(remaining) if math.isfinite(score) else None for score in scores]

    def _record(
        self,
        state: ScoringState,
        transactions: list[Transaction],
        features: list[list[float | None]],
        scores: list[float],
    ) -> list[PredictionOut]:
        """Journal the predictions, count them, and return them.

        Structs are built with positional arguments: keywords cost time, and this runs for every
        row.
        """
        model = self.serving(state)
        ms = now_ms()
        scored_at = datetime_of(ms)
        threshold = model.bundle.threshold
        version = model.served.version
        rows = []
        predictions = []
        flagged = 0
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
            predictions.append(
                PredictionOut(
                    transaction_id,
                    prediction_id,
                    score,
                    label,
                    threshold,
                    risk_band(score, threshold),
                    version,
                )
            )
        self._journal.append(
            JournalLine(
                scored_at,
                self.use_case,
                version,
                state.contracts.hash,
                threshold,
                self._replica,
                rows,
                model.bundle.contract_hash,
            )
        )
        self._counts.count(scores, flagged)
        if self.live.listeners:
            self.live.publish_predictions(scored_at, predictions)
        return predictions


def settle(waiting: Waiting, outcome: Sequence[PredictionOut | None] | Exception) -> None:
    """Give each waiting request its prediction, or all of them the error.

    A prediction that is None stands for a row that has no finite score.
    """
    results: Sequence[PredictionOut | Exception | None] = (
        [outcome] * len(waiting) if isinstance(outcome, Exception) else outcome
    )
    for future, result in zip(waiting, results, strict=True):
        if future.done():  # the request was cancelled: the server is being stopped by force
            continue
        if isinstance(result, PredictionOut):
            future.set_result(encode(result))
        else:
            future.set_exception(result or no_score_error())


def no_score_error() -> DataError:
    """Return the error for a row whose score is not finite."""
    return DataError(
        "the model has no score for these features: they are outside the range of its training data"
    )
