"""`explanations`: why predictions came out as they did; and sums of them over time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import EvidenceError
from pipelines.records import Claimed, Explanation, Prediction
from pipelines.rules.explanation.attribution import Attribution
from pipelines.stores.database import Connection, queries

COPY = "COPY explained FROM STDIN (FORMAT binary)"
DIED = "the process that computed it ended before it was done, each time: see the log of its task, and ask for it again"


class ExplanationStore:
    """Explanations, planned as PENDING, then COMPLETED or FAILED."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def plan(
        self, use_case: str, *, since: datetime, select: str, sample: float, anew: str | None = None
    ) -> int:
        """Make PENDING rows of what is picked from the predictions that are new since the last plan; return how many.

        Then of what `anew`, another selection, picks from all since a moment.
        """
        explanations = queries("explanations")
        with self._connection.transaction():
            explanations.open_watermark(self._connection, use_case=use_case)
            span = explanations.lock_watermark(self._connection, use_case=use_case)
            if int(span["end"]) < int(span["begin"]):
                raise EvidenceError(
                    f"{use_case} is explained up to transaction {span['begin']}, but the database is at {span['end']}: it was "
                    "restored from a dump; set logged_xid to DEFAULT in prediction_logs, and remove the use case's row from "
                    "explanation_watermarks"
                )
            made = explanations.plan_explanations(
                self._connection, use_case=use_case, since=since, select=select, sample=sample,
                begin=span["begin"], end=span["end"],
            )  # fmt: skip
            if anew:
                made += explanations.plan_anew(
                    self._connection,
                    use_case=use_case,
                    since=since,
                    select=anew,
                    sample=sample,
                    end=span["end"],
                )
            explanations.move_watermark(self._connection, use_case=use_case, logged_xid=span["end"])
        return int(made)

    def picks(self, prediction: Prediction, *, select: str, sample: float) -> bool:
        """Whether the next plan picks a prediction, so that its explanation comes though nobody asked for it yet."""
        found = queries("explanations").picks(
            self._connection, use_case=prediction.use_case, prediction_id=prediction.prediction_id,
            scored_at=prediction.scored_at, select=select, sample=sample,
        )  # fmt: skip
        return bool(found)

    def request(self, prediction: Prediction, *, select: str, sample: float) -> Explanation:
        """Ask for one prediction's explanation, ahead of what the policy picks by a selection and a share."""
        row = queries("explanations").request_explanation(
            self._connection, use_case=prediction.use_case, prediction_id=prediction.prediction_id,
            scored_at=prediction.scored_at, model_version=prediction.model_version,
            predicted_label=prediction.predicted_label, select=select, sample=sample,
        )  # fmt: skip
        return Explanation(**row)

    def assign(
        self, use_case: str, run_id: str, *, size: int, limit: int, attempts: int
    ) -> list[dict[str, Any]]:
        """Give so many PENDING rows a chunk, those asked for first; return rows of chunk, model_version, n.

        Rows that were begun so many times, and never ended, become FAILED.
        """
        queries("explanations").give_up(
            self._connection, use_case=use_case, attempts=attempts, error=DIED
        )
        return list(
            queries("explanations").assign_chunks(
                self._connection, use_case=use_case, run_id=run_id, size=size, limit=limit
            )
        )

    def waiting(self, use_case: str) -> int:
        """How many are PENDING."""
        return int(queries("explanations").count_waiting(self._connection, use_case=use_case))

    def version_of(self, use_case: str, chunk: str) -> int | None:
        """The model version of a chunk; None when nothing of it waits."""
        found = queries("explanations").version_of_chunk(
            self._connection, use_case=use_case, chunk=chunk
        )
        return None if found is None else int(found)

    def claim(
        self, use_case: str, chunk: str, *, size: int, attempts: int, tried: Sequence[UUID]
    ) -> list[Claimed]:
        """Begin an attempt at up to so many rows of a chunk, without those that were tried just now.

        At most `size`, and a hundredth of it for each attempt before: one of the rows may be what ended those.
        """
        rows = queries("explanations").claim(
            self._connection,
            use_case=use_case,
            chunk=chunk,
            size=size,
            attempts=attempts,
            tried=list(tried),
        )
        return [Claimed(**row) for row in rows]

    def complete(
        self,
        use_case: str,
        prediction_ids: Sequence[UUID],
        contributions: NDArray[np.float64],
        base_value: float,
    ) -> dict[UUID, float | None]:
        """Write contributions (n, columns) as COMPLETED, in the caller's transaction.

        Returns which nobody had written yet, with the chance that the policy picks such a prediction, None where it did not.
        """
        explanations = queries("explanations")
        explanations.make_explained(self._connection)
        with self._connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(["uuid", "float8[]"])
            for prediction_id, values in zip(prediction_ids, contributions.tolist(), strict=True):
                copy.write_row((prediction_id, values))
        written = explanations.complete(self._connection, use_case=use_case, base_value=base_value)
        return {row["prediction_id"]: row["share"] for row in written}

    def fail(self, use_case: str, errors: dict[UUID, str], *, attempts: int) -> None:
        """Say why attempts failed; after so many the rows are FAILED for good."""
        queries("explanations").fail(
            self._connection,
            use_case=use_case,
            prediction_ids=list(errors),
            errors=list(errors.values()),
            attempts=attempts,
        )

    def refuse(self, use_case: str, chunk: str, error: str, *, attempts: int) -> None:
        """Count a failed attempt at all that waits of a chunk."""
        queries("explanations").refuse_chunk(
            self._connection, use_case=use_case, chunk=chunk, error=error, attempts=attempts
        )

    def add(
        self,
        use_case: str,
        version: int,
        columns: Sequence[str],
        bucket: datetime,
        step: timedelta,
        found: Attribution,
    ) -> None:
        """Add sums to a time bucket, in the transaction that writes what they are of."""
        queries("explanations").add_attributions(
            self._connection, use_case=use_case, version=version, features=list(columns), bucket=bucket,
            step=step.total_seconds(), n=found.n, w=found.w, ww=found.ww,
            wx=found.wx.tolist(), wwx=found.wwx.tolist(), wwxx=found.wwxx.tolist(),
        )  # fmt: skip

    def attributions(
        self, use_case: str, window_start: datetime, window_end: datetime
    ) -> dict[int, tuple[list[str], Attribution]]:  # fmt: skip
        """Sums over a window, by model version: feature names, and their sums in that order."""
        found: dict[int, list[dict[str, Any]]] = {}
        for row in queries("explanations").read_attributions(
            self._connection, use_case=use_case, window_start=window_start, window_end=window_end
        ):
            found.setdefault(row["model_version"], []).append(row)
        return {
            version: ([row["feature"] for row in rows], _summed(rows))
            for version, rows in found.items()
        }

    def get(self, use_case: str, prediction_id: UUID) -> Explanation | None:
        """Return a prediction's explanation in whatever state it is, None when nobody asked for it."""
        row = queries("explanations").get_explanation(
            self._connection, use_case=use_case, prediction_id=prediction_id
        )
        return Explanation(**row) if row else None

    def failures(self, use_case: str, *, limit: int) -> list[Explanation]:
        """The newest predictions that could not be explained."""
        return [
            Explanation(**row)
            for row in queries("explanations").failures(
                self._connection, use_case=use_case, limit=limit
            )
        ]

    def recent(self, use_case: str, *, limit: int) -> list[Prediction]:
        """The predictions that were made last of those that are explained."""
        rows = queries("explanations").recent_explained(
            self._connection, use_case=use_case, limit=limit
        )
        return [Prediction(**row) for row in rows]

    def counts(self, use_case: str, since: datetime) -> dict[str, int]:
        """How many are in each status, of predictions made since a moment."""
        rows = queries("explanations").count_by_status(
            self._connection, use_case=use_case, since=since
        )
        return {row["status"]: row["n"] for row in rows}

    def newest(
        self, use_case: str, version: int, *, since: datetime, limit: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Features and contributions, each (n, columns), and weights (n,), of the newest that the policy picked."""
        rows = list(
            queries("explanations").newest_explained(
                self._connection, use_case=use_case, version=version, since=since, limit=limit
            )
        )
        features = np.array([row["features"] for row in rows], dtype=np.float64)
        return (
            features,
            np.array([row["contributions"] for row in rows]),
            np.array([row["weight"] for row in rows]),
        )


def _summed(rows: list[dict[str, Any]]) -> Attribution:
    wx, wwx, wwxx = (np.array([row[name] for row in rows]) for name in ("wx", "wwx", "wwxx"))
    return Attribution(rows[0]["n"], rows[0]["w"], rows[0]["ww"], wx, wwx, wwxx)
