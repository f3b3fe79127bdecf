"""`prediction_logs`: every answer the server gave."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import UnknownPrediction
from pipelines.records import Prediction
from pipelines.stores.database import Connection, queries

# JSON writes control characters as escapes, so these two never stand in a line, and it travels as it is.
COPY = r"COPY staged_lines FROM STDIN WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PredictionLog:
    """Answers, each kept exactly once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, lines: Iterable[bytes]) -> int:
        """Log lines of JSON in the caller's transaction; returns how many predictions are new.

        A line has what its predictions have in common, and `rows` with the rest; the keys are the table's columns. Lines come
        in pieces that may end anywhere. PostgreSQL reads them itself; rows that are there already are left alone.
        """
        queries("predictions").make_staging(self._connection)
        with self._connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for piece in lines:
                copy.write(piece)
        return int(queries("predictions").move_staged(self._connection))

    def get(self, use_case: str, prediction_id: UUID) -> Prediction:
        """Return one prediction, or raise UnknownPrediction."""
        try:
            scored_at = time_of(prediction_id)
        except OverflowError as error:
            raise UnknownPrediction(
                f"no prediction has the id {prediction_id}: take it from an answer"
            ) from error
        row = queries("predictions").get_prediction(
            self._connection, use_case=use_case, prediction_id=prediction_id, scored_at=scored_at
        )
        if row is None:
            raise UnknownPrediction(f"no prediction {prediction_id} of {use_case} is logged")
        return Prediction(
            **{
                **row,
                "features": [math.nan if value is None else value for value in row["features"]],
            }
        )

    def newest(self, use_case: str, contract_hash: str, *, limit: int) -> NDArray[np.float64]:
        """Features (n, columns) of the newest predictions under a contract, NaN where missing."""
        found = queries("predictions").newest_features(
            self._connection, use_case=use_case, contract_hash=contract_hash, limit=limit
        )
        return np.array([row["features"] for row in found], dtype=np.float64)

    def sample(
        self,
        use_case: str,
        contract_hash: str,
        start: datetime,
        end: datetime,
        *,
        limit: int,
        of: int,
    ) -> NDArray[np.float64]:
        """Features (n, columns) of at most `limit` predictions of a window that holds about so many; NaN where missing.

        Only some of the table's pages are read: ten times as many rows as are wanted, of which chance picks.
        """
        found = queries("predictions").sample_features(
            self._connection, use_case=use_case, contract_hash=contract_hash, window_start=start, window_end=end,
            percent=min(100.0, 1000.0 * limit / max(of, 1)), limit=limit,
        )  # fmt: skip
        return np.array([row["features"] for row in found], dtype=np.float64)

    def matured(self, use_case: str, window_start: datetime, matured_before: datetime) -> int:
        """Count labelled predictions whose event time lies in the window."""
        count = queries("predictions").count_matured(
            self._connection,
            use_case=use_case,
            window_start=window_start,
            matured_before=matured_before,
        )
        return int(count)


def time_of(prediction_id: UUID) -> datetime:
    """The moment a uuid v7 was made, to the millisecond; it is the prediction's `scored_at`."""
    return EPOCH + timedelta(milliseconds=prediction_id.int >> 80)
