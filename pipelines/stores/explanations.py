"""`explanations`: why predictions came out as they did."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pipelines.records import Explanation, Pending, Prediction
from pipelines.stores.database import Connection, queries


class ExplanationStore:
    """Explanations, planned as PENDING, then COMPLETED or FAILED."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def plan(self, use_case: str, *, since: datetime, select: str, sample: float, limit: int) -> int:
        """Make PENDING rows for predictions that lack an explanation; return how many."""
        made = queries("explanations").plan_explanations(
            self._connection, use_case=use_case, since=since, select=select, sample=sample, limit=limit
        )
        return int(made)

    def request(self, prediction: Prediction) -> Explanation:
        """Ask for one prediction's explanation."""
        row = queries("explanations").request_explanation(
            self._connection, use_case=prediction.use_case, prediction_id=prediction.prediction_id,
            scored_at=prediction.scored_at, model_version=prediction.model_version,
        )  # fmt: skip
        return Explanation(**row)

    def assign(self, use_case: str, run_id: str, *, size: int) -> list[dict[str, Any]]:
        """Give every PENDING row a chunk; return rows of chunk, model_version, n."""
        return list(queries("explanations").assign_chunks(self._connection, use_case=use_case, run_id=run_id, size=size))

    def pending(self, use_case: str, chunk: str) -> tuple[int | None, list[Pending]]:
        """The chunk's model version and the rows of it that still wait."""
        rows = list(queries("explanations").pending_of_chunk(self._connection, use_case=use_case, chunk=chunk))
        versions = {row.pop("model_version") for row in rows}
        return (versions.pop() if versions else None), [Pending(**row) for row in rows]

    def complete(
        self,
        use_case: str,
        prediction_ids: Sequence[UUID],
        contributions: Sequence[dict[str, float]],
        base_value: float,
    ) -> None:
        """Write COMPLETED rows in bulk."""
        queries("explanations").complete(
            self._connection, use_case=use_case, prediction_ids=list(prediction_ids), base_value=base_value,
            contributions=[json.dumps(one) for one in contributions],
        )  # fmt: skip

    def fail(self, use_case: str, prediction_ids: Sequence[UUID], *, error: str, attempts: int) -> None:
        """Count a failed attempt; at `attempts` the rows are FAILED for good."""
        queries("explanations").fail(
            self._connection, use_case=use_case, prediction_ids=list(prediction_ids), error=error, attempts=attempts
        )

    def get(self, use_case: str, prediction_id: UUID) -> Explanation | None:
        """Return a prediction's explanation in whatever state it is, None when nobody asked for it."""
        row = queries("explanations").get_explanation(self._connection, use_case=use_case, prediction_id=prediction_id)
        return Explanation(**row) if row else None

    def counts(self, use_case: str) -> dict[str, int]:
        """How many are in each status."""
        return {row["status"]: row["n"] for row in queries("explanations").count_by_status(self._connection, use_case=use_case)}

    def importance(self, use_case: str, run_id: str) -> list[dict[str, Any]]:
        """Mean |contribution| per model version and feature over what a run explained, largest first."""
        return list(queries("explanations").mean_absolute(self._connection, use_case=use_case, run_id=run_id))
