"""A small use case of its own, whose contract changes while it is in use."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pyarrow as pa
import yaml

from pipelines.context import Context, context
from pipelines.records import Label
from pipelines.rules.ingestion.row_checks import snapshot_schema
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT, Settings
from pipelines.steps import perform
from pipelines.stores.baseline import write_baseline
from pipelines.stores.labels import LabelStore
from pipelines.stores.predictions import PredictionLog, time_of
from pipelines.stores.registered_model import RegisteredModel
from pipelines.use_case import read_contract
from serving.journal.journal import JournalLine, JournalRow
from serving.journal.prediction_ids import uuid7

SHOP = "shop"
NOW = datetime.now(UTC)
CONTRACT: dict[str, Any] = {
    "title": "Shop",
    "entity_key": "customer",
    "event_time": "event_time",
    "transaction_id": "order",
    "label": {"name": "returned", "positive": 1},
    "features": {
        "amount": {"type": "float", "range": [0, 1000]},
        "items": {"type": "int", "range": [0, 50]},
        "online": {"type": "bool"},
        "channel": {"type": "category", "values": ["web", "app", "store"]},
    },
    "derived": {"per_item": {"expression": "where(items > 0, amount / items, 0)"}},
}
POLICY: dict[str, Any] = {
    "label_maturity": "PT0S",
    "retraining": {"cooldown": "PT0S", "per_week": 1000},
    "gates": {"recall": 0.1, "roc_auc": 0.5, "brier_degradation": 1.0},
    "validation": {"leak": 1.0, "label_factor": 1000},
    "drift": {"window": "PT24H", "rows": 100},
    "explanation": {"select": "all"},
    "promotion": {"acknowledge_within": "PT5S"},
    "final_validation": {"requests": 50, "p99": "PT5S"},
    "training": {
        "estimators": ["xgboost"],
        "trees": 20,
        "trials": 1,
        "folds": 2,
    },
}
Change = Callable[[dict[str, Any]], None]


class Shop:
    """The use case in a folder of its own; each state of it is a copy of database and home."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.reference / SHOP

    @classmethod
    def new(cls, root: Path, **settings: Any) -> Shop:
        """Make the folder with contract, policy and baseline."""
        folder = root / "reference" / SHOP
        folder.mkdir(parents=True)
        (root / "sql").symlink_to(ROOT / "sql")
        shop = cls(Settings(root=root, home=root / "home", **settings))
        shop.write(CONTRACT)
        (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY))
        write_baseline(folder, shop.contract, shop.history(1500), {"test": "shop"})
        return shop

    @property
    def contract(self) -> Contract:
        return read_contract(self.folder)

    def write(self, document: dict[str, Any]) -> None:
        (self.folder / "contract.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    def change(self, change: Change) -> None:
        """Change the contract as a person does, by its file."""
        document = copy.deepcopy(CONTRACT)
        change(document)
        self.write(document)

    def context(self, run_id: str, **params: Any) -> Context:
        return context(self.settings, SHOP, run_id, datetime.now(UTC), params=params)

    def run(self, run_id: str, *steps: str, **params: Any) -> Any:
        """Run steps in their order; returns the last one's result."""
        result = None
        for step in steps:
            result = perform(step, self.context(run_id, **params))
        return result

    def history(self, n: int) -> pa.Table:
        """Labelled history, in which the amount alone decides."""
        contract = self.contract
        features = drawn(contract, n, seed=1)
        random = np.random.default_rng(2)
        amount = features[:, contract.raw.index("amount")]
        labels = random.random(n) < np.where(amount > 120, 0.5, 0.05)
        start = NOW - timedelta(days=30)
        columns: dict[str, Any] = {
            "transaction_id": [f"history-{row}" for row in range(n)],
            "entity_key": [None] * n,
            "event_time": [start + timedelta(minutes=row) for row in range(n)],
            "label": labels.astype(np.int8),
        }
        for index, name in enumerate(contract.raw):
            columns[name] = pa.array(features[:, index], from_pandas=True)
        return pa.table(columns, schema=snapshot_schema(contract))

    def answer(self, n: int, *, hours_ago: float, version: int, seed: int, **values: Any) -> None:
        """Log rows that a version scored under the contract in force, with their labels.

        In this traffic another feature decides than in the history.
        """
        wired = self.context("traffic")
        contract = wired.use_case.contract
        raw = drawn(contract, n, seed=seed, **values)
        model = wired.models.get(SHOP, version)
        own = wired.models.contract(model.contract_hash, contract)
        scores = RegisteredModel(wired.settings, model, own).scores(Projection(contract, own)(raw))
        features = Deriver(contract)(raw)
        moment = datetime.now(UTC) - timedelta(hours=hours_ago)
        ids = [UUID(each) for each in uuid7(int(moment.timestamp() * 1000), n)]
        lines = []
        for row, prediction_id in enumerate(ids):
            logged = JournalRow(
                prediction_id=str(prediction_id),
                transaction_id=str(prediction_id),
                entity_key=None,
                event_time=moment + timedelta(milliseconds=row),
                features=[None if np.isnan(value) else value for value in features[row].tolist()],
                score=float(scores[row]),
                predicted_label=int(scores[row] >= model.threshold),
            )
            line = JournalLine(
                scored_at=time_of(prediction_id),
                use_case=SHOP,
                model_version=version,
                contract_hash=contract.hash,
                model_contract_hash=own.hash,
                threshold=model.threshold,
                replica="test",
                rows=[logged],
            )
            lines.append(line)
        with wired.connection.transaction():
            wired.models.record_contract(contract)
            content = msgspec.json.Encoder().encode_lines(lines)
            assert PredictionLog(wired.connection).record([content]) == n
        random = np.random.default_rng(seed + 1)
        chances = np.where(raw[:, contract.raw.index("online")] > 0, 0.7, 0.02)
        labels = random.random(n) < chances
        known = [
            Label(transaction_id=str(each), label=int(label), labelled_at=moment)
            for each, label in zip(ids, labels, strict=True)
        ]
        LabelStore(wired.connection).record(SHOP, known, source="test")
        wired.close()


def drawn(contract: Contract, n: int, *, seed: int, **values: Any) -> np.ndarray:
    """Raw features (n, raw) as a client sends them; `values` replace a feature's values."""
    random = np.random.default_rng(seed)
    amount = np.round(random.gamma(2, 50, n).clip(0, 480), 2)
    common = {
        "amount": amount,
        "items": random.integers(0, 10, n).astype(float),
        "online": (random.random(n) < 0.3).astype(float),
        "age": random.integers(18, 90, n).astype(float),
    }
    columns = []
    for feature in contract.features:
        if feature.name in values:
            column = np.resize(np.asarray(values[feature.name], float), n)
        elif feature.type == "category":
            column = random.integers(0, len(feature.values), n).astype(float)
        else:
            column = common[feature.name]
        columns.append(column)
    return np.column_stack(columns)
