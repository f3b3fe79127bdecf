"""The lifecycle's steps, run one after another as a DAG does, and traffic for the champion."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from pipelines.context import Context, context
from pipelines.records import Label, Prediction
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import Settings
from pipelines.steps import perform
from pipelines.stores.dataset import features_of
from pipelines.stores.labels import LabelStore
from pipelines.stores.predictions import PredictionLog
from pipelines.stores.registered_model import RegisteredModel
from pipelines.stores.registry_client import RegistryClient
from serving.journal.journal import JournalLine, JournalRow
from stack.demo.shipped_baselines import SEED, as_snapshot
from stack.demo.simulator import World, simulate

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
Run = Callable[..., Any]
RETRAIN = ("check_conditions", "validate_data", "train", "shadow_evaluate", "approve")
PROMOTE = ("final_validation", "promote")


@dataclass(frozen=True)
class Stage:
    """A state of the lifecycle: a home and a database to copy, and the version in Production."""

    settings: Settings
    champion: int
    traffic: list[Prediction]


def traffic_world() -> World:
    turn = TODAY - timedelta(days=7)
    return World(
        seed=SEED,
        start=TODAY - timedelta(days=14),
        days=14,
        drift=frozenset({"attack"}),
        drift_from=turn,
    )


def as_lines(predictions: list[Prediction]) -> list[bytes]:
    """As the scoring server's journal keeps them."""
    lines = []
    for prediction in predictions:
        fields = asdict(prediction) | {"prediction_id": str(prediction.prediction_id)}
        row = JournalRow(**{name: fields.pop(name) for name in JournalRow.__struct_fields__})
        lines.append(JournalLine(**fields, rows=[row]))
    return [msgspec.json.Encoder().encode_lines(lines)]


def answered(wired: Context, table: Any, scored_at: datetime) -> list[Prediction]:
    """What the server would have logged for these rows."""
    contract, model = wired.use_case.contract, wired.models.get("fraud", 1)
    features = Deriver(contract)(features_of(table, contract))
    scores = RegisteredModel(wired.settings, model, contract).scores(features)
    moment = scored_at.replace(microsecond=scored_at.microsecond // 1000 * 1000)
    millis = int(moment.timestamp() * 1000)
    return [
        Prediction(
            prediction_id=UUID(int=(millis << 80) | (7 << 76) | (2 << 62) | (hash(row["transaction_id"]) & (2**60 - 1))),
            scored_at=moment, use_case="fraud", transaction_id=row["transaction_id"], entity_key=row["entity_key"],
            event_time=row["event_time"], model_version=1, contract_hash=contract.hash, features=features[at].tolist(),
            score=float(scores[at]), predicted_label=int(scores[at] >= model.threshold), threshold=model.threshold,
            replica="test",
        )
        for at, row in enumerate(table.to_pylist())
    ]  # fmt: skip


def in_production(wired: Context) -> int | None:
    with RegistryClient.of(wired.settings) as production:
        return production.version("fraud")


def runner(settings: Settings) -> Run:
    """Run steps in their order, as a DAG would; returns the last one's result."""

    def run(
        run_id: str,
        *steps: str,
        as_of: datetime | None = None,
        trigger: str = "manual",
        **params: Any,
    ) -> Any:
        result = None
        for step in steps:
            moment = as_of or datetime.now(UTC)
            fresh = context(settings, "fraud", run_id, moment, trigger=trigger, params=params)
            result = perform(step, fresh)
        return result

    return run


def log_traffic(settings: Settings) -> list[Prediction]:
    """A quiet and an attacked week, answered by the champion and logged; two thirds get labels."""
    wired = context(settings, "fraud", "traffic", datetime.now(UTC))
    transactions = simulate(traffic_world())
    turn = np.datetime64((TODAY - timedelta(days=7)).replace(tzinfo=None))
    order = np.random.default_rng(5)
    before = order.permutation(np.flatnonzero(transactions.event_time < turn))[:2500]
    after = order.permutation(np.flatnonzero(transactions.event_time >= turn))[:3500]
    now = datetime.now(UTC)
    predictions = []
    for rows, scored in ((before, now - timedelta(minutes=5)), (after, now - timedelta(seconds=1))):
        predictions += answered(
            wired, as_snapshot(transactions.take(rows), wired.use_case.contract), scored
        )
    with wired.connection.transaction():
        assert PredictionLog(wired.connection).record(as_lines(predictions)) == len(predictions)
    labels = dict(
        zip(transactions.transaction_id.tolist(), transactions.label.tolist(), strict=True)
    )
    known = [
        Label(transaction_id=p.transaction_id, label=labels[p.transaction_id], labelled_at=now)
        for p in predictions
    ]
    receipt = LabelStore(wired.connection).record("fraud", known[::3] + known[1::3], source="test")
    assert receipt.accepted == len(known[::3]) + len(known[1::3])
    wired.close()
    return predictions
