"""Explanations of predictions in `explanations`, and their sums over time."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import EvidenceError
from pipelines.records import Claimed, Explanation, Prediction
from pipelines.rules.explanation.attribution import Attribution
from pipelines.rules.explanation.selection import BUCKETS, selection
from pipelines.stores.database import Connection, queries
from pipelines.stores.predictions import LoggedRow

COPY = "COPY explained FROM STDIN (FORMAT binary)"
GAVE_UP = (
    "the process that computed it ended before it was done, each time: "
    "see the log of its task, and request it again"
)


class ExplanationStore:
    """Explanations: planned as PENDING, they become COMPLETED or FAILED."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def plan(
        self,
        use_case: str,
        *,
        since: datetime,
        select: str,
        sample: float,
        extra_select: str | None = None,
    ) -> int:
        """Insert PENDING rows for the predictions that the policy selects; return how many.

        Applies `select` and `sample` to predictions that were made since `since` and logged after
        the last plan, then `extra_select`, another selection, to all that were made since `since`.
        Raises EvidenceError when the database was restored from a dump.
        """
        explanations = queries("explanations")
        with self._connection.transaction():
            explanations.open_watermark(self._connection, use_case=use_case)
            span = explanations.lock_watermark(self._connection, use_case=use_case)
            _require_order(use_case, span["begin"], span["end"])
            planned = explanations.plan_explanations(
                self._connection,
                use_case=use_case,
                since=since,
                begin=span["begin"],
                end=span["end"],
                **_parameters(select, sample),
            )
            if extra_select:
                planned += explanations.plan_extra(
                    self._connection,
                    use_case=use_case,
                    since=since,
                    end=span["end"],
                    **_parameters(extra_select, sample),
                )
            explanations.move_watermark(self._connection, use_case=use_case, logged_xid=span["end"])
        return int(planned)

    def picks(self, prediction: Prediction, *, select: str, sample: float) -> bool:
        """Return whether the next plan will select a prediction, without any request for it."""
        if self._share(prediction, select, sample) is None:
            return False
        is_unplanned = queries("explanations").is_unplanned(
            self._connection,
            use_case=prediction.use_case,
            prediction_id=prediction.prediction_id,
            scored_at=prediction.scored_at,
        )
        return bool(is_unplanned)

    def request(self, prediction: Prediction, *, select: str, sample: float) -> Explanation:
        """Request the explanation of one prediction; it is computed before those of a plan.

        `select` and `sample` are the policy's: they give the row its share if a plan would select
        it too.
        """
        row = queries("explanations").request_explanation(
            self._connection,
            use_case=prediction.use_case,
            prediction_id=prediction.prediction_id,
            scored_at=prediction.scored_at,
            model_version=prediction.model_version,
            share=self._share(prediction, select, sample),
        )
        return Explanation(**row)

    def _share(self, prediction: Prediction, select: str, sample: float) -> float | None:
        """Return the prediction's share in a selection, None if it is not selected.

        The database computes the bucket, as it does for a plan.
        """
        bucket = queries("explanations").bucket_of(
            self._connection, prediction_id=prediction.prediction_id, buckets=BUCKETS
        )
        return selection(select, sample).share(prediction.predicted_label, bucket)

    def assign(
        self, use_case: str, run_id: str, *, size: int, limit: int, attempts: int
    ) -> list[dict[str, Any]]:
        """Assign at most `limit` PENDING rows to chunks of at most `size`, requested rows first.

        Returns rows of chunk, model_version and n. Rows that were begun `attempts` times without a
        result become FAILED.
        """
        queries("explanations").give_up(
            self._connection, use_case=use_case, attempts=attempts, error=GAVE_UP
        )
        chunks = queries("explanations").assign_chunks(
            self._connection, use_case=use_case, run_id=run_id, size=size, limit=limit
        )
        return list(chunks)

    def waiting(self, use_case: str) -> int:
        """Count the PENDING rows."""
        return int(queries("explanations").count_waiting(self._connection, use_case=use_case))

    def version_of(self, use_case: str, chunk: str) -> int | None:
        """Return the model version of a chunk; None when the chunk has no PENDING row."""
        version = queries("explanations").version_of_chunk(
            self._connection, use_case=use_case, chunk=chunk
        )
        return None if version is None else int(version)

    def claim(
        self, use_case: str, chunk: str, *, size: int, attempts: int, tried: Sequence[UUID]
    ) -> list[Claimed]:
        """Begin an attempt at some rows of a chunk; rows in `tried` and used-up rows are left out.

        The first attempt takes at most `size` rows. Each later attempt takes a hundredth of the
        attempt before, because one of the rows may have ended the process.
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
        """Store contributions (n, columns) as COMPLETED, in the caller's transaction.

        Returns the rows that were not COMPLETED before, each with the probability that the policy
        selects such a prediction, None when the policy did not select it.
        """
        explanations = queries("explanations")
        explanations.make_explained(self._connection)
        with self._connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(["uuid", "float8[]"])
            for prediction_id, values in zip(prediction_ids, contributions.tolist(), strict=True):
                copy.write_row((prediction_id, values))
        completed = explanations.complete(
            self._connection, use_case=use_case, base_value=base_value
        )
        return {row["prediction_id"]: row["share"] for row in completed}

    def fail(self, use_case: str, errors: dict[UUID, str], *, attempts: int) -> None:
        """Store why attempts failed; rows with `attempts` attempts become FAILED."""
        queries("explanations").fail(
            self._connection,
            use_case=use_case,
            prediction_ids=list(errors),
            errors=list(errors.values()),
            attempts=attempts,
        )

    def refuse(self, use_case: str, chunk: str, error: str, *, attempts: int) -> None:
        """Count a failed attempt for every PENDING row of a chunk."""
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
        sums: Attribution,
    ) -> None:
        """Add sums to a time bucket, in the transaction that stores their explanations."""
        queries("explanations").add_attributions(
            self._connection,
            use_case=use_case,
            version=version,
            features=list(columns),
            bucket=bucket,
            step=step.total_seconds(),
            n=sums.n,
            w=sums.w,
            ww=sums.ww,
            wx=sums.wx.tolist(),
            wwx=sums.wwx.tolist(),
            wwxx=sums.wwxx.tolist(),
        )

    def attributions(
        self, use_case: str, window_start: datetime, window_end: datetime
    ) -> dict[int, tuple[list[str], Attribution]]:
        """Return the sums of a window by model version: feature names, and sums in their order."""
        rows = queries("explanations").read_attributions(
            self._connection, use_case=use_case, window_start=window_start, window_end=window_end
        )
        by_version: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            by_version.setdefault(row["model_version"], []).append(row)
        return {
            version: ([row["feature"] for row in features], _attribution(features))
            for version, features in by_version.items()
        }

    def get(self, use_case: str, prediction_id: UUID) -> Explanation | None:
        """Return a prediction's explanation in any status; None when there is no row."""
        row = queries("explanations").get_explanation(
            self._connection, use_case=use_case, prediction_id=prediction_id
        )
        return Explanation(**row) if row else None

    def failures(self, use_case: str, *, limit: int) -> list[Explanation]:
        """List the FAILED explanations of the newest predictions."""
        rows = queries("explanations").failures(self._connection, use_case=use_case, limit=limit)
        return [Explanation(**row) for row in rows]

    def recent(self, use_case: str, *, limit: int) -> list[Prediction]:
        """List the newest predictions whose explanation is COMPLETED."""
        rows = queries("explanations").recent_explained(
            self._connection, use_case=use_case, limit=limit
        )
        return [Prediction(**row) for row in rows]

    def counts(self, use_case: str, since: datetime) -> dict[str, int]:
        """Count explanations by status, of predictions made since a time."""
        rows = queries("explanations").count_by_status(
            self._connection, use_case=use_case, since=since
        )
        return {row["status"]: row["n"] for row in rows}

    def newest(
        self, use_case: str, version: int, *, since: datetime, limit: int
    ) -> tuple[list[LoggedRow], NDArray[np.float64], NDArray[np.float64]]:
        """Return the newest explained predictions that the policy selected.

        Logged rows (n), contributions (n, columns of the version's contract) and weights (n,).
        """
        rows = list(
            queries("explanations").newest_explained(
                self._connection, use_case=use_case, version=version, since=since, limit=limit
            )
        )
        features = [(row["contract_hash"], row["features"]) for row in rows]
        contributions = np.array([row["contributions"] for row in rows])
        weights = np.array([row["weight"] for row in rows])
        return features, contributions, weights


def _parameters(select: str, sample: float) -> dict[str, int]:
    """Return the parameters of the queries that apply a selection."""
    return {**asdict(selection(select, sample)), "buckets": BUCKETS}


def _require_order(use_case: str, begin: str, end: str) -> None:
    """Raise EvidenceError unless the watermark `begin` is not ahead of the database's `end`."""
    if int(end) < int(begin):
        raise EvidenceError(
            f"{use_case} is explained up to transaction {begin}, but the database is at {end}: "
            "it was restored from a dump; set logged_xid to DEFAULT in prediction_logs, and "
            "remove the use case's row from explanation_watermarks"
        )


def _attribution(rows: list[dict[str, Any]]) -> Attribution:
    """Combine the rows of one version, one per feature; n, w and ww are equal in all of them."""
    first = rows[0]
    return Attribution(
        n=first["n"],
        w=first["w"],
        ww=first["ww"],
        wx=np.array([row["wx"] for row in rows]),
        wwx=np.array([row["wwx"] for row in rows]),
        wwxx=np.array([row["wwxx"] for row in rows]),
    )
