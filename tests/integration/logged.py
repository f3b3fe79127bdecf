"""A prediction log as servers fill it, remembered for a count by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import numpy as np
import psycopg

from pipelines.context import Context
from pipelines.records import Label
from pipelines.settings import ROOT
from pipelines.stores.labels import LabelStore
from pipelines.stores.predictions import PredictionLog, time_of
from pipelines.use_case import read_contract
from serving.journal.journal import JournalLine, JournalRow
from serving.journal.prediction_ids import uuid7

CONTRACT = read_contract(ROOT / "reference" / "fraud")
NOW = datetime.now(UTC)


class Log:
    """Predictions as a server ships them, remembered for a count by hand."""

    def __init__(self, wired: Context) -> None:
        self.connection, self.random = wired.connection, np.random.default_rng(4)
        self.at: list[datetime] = []
        self.features: list[np.ndarray] = []
        self.names: list[str] = []
        self.scores: list[float] = []
        self.shipped: list[np.ndarray] = []  # features under whatever contract

    def ship(
        self,
        n: int,
        moment: datetime,
        *,
        version: int = 1,
        contract: str = CONTRACT.hash,
        width: int = 0,
        names: Sequence[str] = (),
        entity: str | None = None,
    ) -> list[str]:
        """Log n answers of a moment; returns their transactions, new ones unless they are named."""
        names = list(names) or [f"t-{len(self.names) + number}" for number in range(n)]
        lines = []
        for name, ident in zip(names, uuid7(int(moment.timestamp() * 1000), n), strict=True):
            features = np.round(self.random.gamma(2, 20, width or len(CONTRACT.columns)), 3)
            features[self.random.random(len(features)) < 0.05] = np.nan
            score = float(self.random.random())
            shipped = [None if np.isnan(value) else value for value in features.tolist()]
            row = JournalRow(
                prediction_id=ident,
                transaction_id=name,
                entity_key=entity,
                event_time=moment,
                features=shipped,
                score=score,
                predicted_label=int(score >= 0.5),
            )
            line = JournalLine(
                scored_at=time_of(UUID(ident)),
                use_case="fraud",
                model_version=version,
                contract_hash=contract,
                threshold=0.5,
                replica="test",
                rows=[row],
            )
            lines.append(line)
            self.names.append(name)
            self.at.append(time_of(UUID(ident)))
            self.scores.append(score)
            self.shipped.append(features)
            self.features.append(
                features if contract == CONTRACT.hash else np.full(len(CONTRACT.columns), np.inf)
            )
        with self.connection.transaction():
            assert (
                PredictionLog(self.connection).record([msgspec.json.Encoder().encode_lines(lines)])
                == n
            )
        return names

    def label(self, names: list[str], label: int) -> None:
        """Say the truth about transactions."""
        known = [Label(transaction_id=name, label=label, labelled_at=NOW) for name in names]
        LabelStore(self.connection).record("fraud", known, source="test")


def rewrite(
    connection: psycopg.Connection[Any], statement: LiteralString, parameters: Sequence[Any] = ()
) -> None:
    """Change what the database keeps from being changed, as only its superuser can, to see who notices."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(statement, parameters)
