"""`prediction_logs`: every answer the server gave."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pipelines.errors import UnknownPrediction
from pipelines.records import Prediction
from pipelines.stores.database import Connection, queries

COLUMNS = (
    "scored_at", "prediction_id", "use_case", "transaction_id", "entity_key", "event_time", "model_version", "contract_hash",
    "features", "score", "predicted_label", "threshold", "replica",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PredictionLog:
    """Answers, each kept exactly once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, predictions: Iterable[Prediction]) -> int:
        """Log a batch in the caller's transaction; rows that are there already are left alone. Returns how many are new."""
        queries("predictions").make_staging(self._connection)
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY staging ({', '.join(COLUMNS)}) FROM STDIN") as copy,
        ):
            for prediction in predictions:
                copy.write_row([_stored(getattr(prediction, name)) for name in COLUMNS])
        return int(queries("predictions").move_staged(self._connection))

    def get(self, use_case: str, prediction_id: UUID) -> Prediction:
        """Return one prediction, or raise UnknownPrediction."""
        row = queries("predictions").get_prediction(
            self._connection, use_case=use_case, prediction_id=prediction_id, scored_at=time_of(prediction_id)
        )
        if row is None:
            raise UnknownPrediction(f"no prediction {prediction_id} of {use_case} is logged")
        return Prediction(**{**row, "features": [math.nan if value is None else value for value in row["features"]]})

    def matured(self, use_case: str, window_start: datetime, matured_before: datetime) -> int:
        """Count labelled predictions whose event time lies in the window."""
        count = queries("predictions").count_matured(
            self._connection, use_case=use_case, window_start=window_start, matured_before=matured_before
        )
        return int(count)


def _stored(value: Any) -> Any:
    """A missing feature is NULL in the table."""
    return [None if math.isnan(number) else number for number in value] if isinstance(value, list) else value


def time_of(prediction_id: UUID) -> datetime:
    """The moment a uuid v7 was made, to the millisecond; it is the prediction's `scored_at`."""
    return EPOCH + timedelta(milliseconds=prediction_id.int >> 80)
