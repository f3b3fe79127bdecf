"""The prediction log, stored in `prediction_logs`."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pipelines.errors import UnknownPrediction
from pipelines.records import Prediction
from pipelines.stores.database import Connection, queries

# A CSV of one column. JSON escapes control characters, so delimiter and quote never occur in a line
# and no line needs quoting.
COPY = r"COPY staged_lines FROM STDIN WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')"
LoggedRow = tuple[str, list[float | None]]  # contract hash, and features in that contract's order
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PredictionLog:
    """Predictions, each stored exactly once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, lines: Iterable[bytes]) -> int:
        """Log lines of JSON in the caller's transaction; return how many predictions are new.

        A line has the values that its predictions share, and in `rows` the others; keys are the
        columns of the table. The chunks of `lines` may end anywhere within a line. PostgreSQL
        parses the JSON, and ignores predictions that are logged already.
        """
        queries("predictions").make_staging(self._connection)
        with self._connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for chunk in lines:
                copy.write(chunk)
        return int(queries("predictions").move_staged(self._connection))

    def get(self, use_case: str, prediction_id: UUID) -> Prediction:
        """Return a prediction by its id; raises UnknownPrediction when it is not logged."""
        try:
            scored_at = time_of(prediction_id)
        except OverflowError as error:
            raise UnknownPrediction(
                f"no prediction has the id {prediction_id}: take the prediction_id from an answer"
            ) from error
        row = queries("predictions").get_prediction(
            self._connection, use_case=use_case, prediction_id=prediction_id, scored_at=scored_at
        )
        if row is None:
            raise UnknownPrediction(f"no prediction {prediction_id} of {use_case} is logged")
        row["features"] = [math.nan if value is None else value for value in row["features"]]
        return Prediction(**row)

    def newest(self, use_case: str, *, limit: int) -> list[LoggedRow]:
        """Return the features of the newest predictions, each with the hash of its contract."""
        rows = queries("predictions").newest_features(
            self._connection, use_case=use_case, limit=limit
        )
        return [(row["contract_hash"], row["features"]) for row in rows]

    def sample(
        self, use_case: str, start: datetime, end: datetime, *, limit: int, of: int
    ) -> list[LoggedRow]:
        """Return the features of a random sample of a window, each with the hash of its contract.

        At most `limit` rows; `of` is about how many the window holds. Reads only a random part of
        the table's pages, enough for ten times `limit` rows.
        """
        rows = queries("predictions").sample_features(
            self._connection,
            use_case=use_case,
            window_start=start,
            window_end=end,
            percent=min(100.0, 1000.0 * limit / max(of, 1)),
            limit=limit,
        )
        return [(row["contract_hash"], row["features"]) for row in rows]

    def matured(self, use_case: str, window_start: datetime, matured_before: datetime) -> int:
        """Count labelled predictions with an event time in [window_start, matured_before)."""
        count = queries("predictions").count_matured(
            self._connection,
            use_case=use_case,
            window_start=window_start,
            matured_before=matured_before,
        )
        return int(count)


def time_of(prediction_id: UUID) -> datetime:
    """Return the time in a UUIDv7, to the millisecond, which is the prediction's `scored_at`."""
    return EPOCH + timedelta(milliseconds=prediction_id.int >> 80)
