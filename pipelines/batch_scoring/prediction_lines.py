"""Predictions of a job as lines for the prediction log."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.batch_scoring.serving_model import BatchModel
from pipelines.rules.batch_scoring.row_checks import ENTITY, EVENT_TIME, TRANSACTION

LINE_ROWS = 1000


def prediction_lines(
    model: BatchModel,
    good: pa.Table,
    features: NDArray[np.float64],
    scores: NDArray[np.float64],
    prediction_ids: NDArray[np.bytes_],
    *,
    scored_at: datetime,
    replica: str,
) -> Iterator[bytes]:
    """Yield lines of JSON as the journal of the scoring server has them.

    A missing feature (NaN) is written as null. A row without a transaction id has that of its
    prediction, and one without a time has `scored_at`.
    """
    shared = {
        "scored_at": scored_at,
        "use_case": model.contract.use_case,
        "model_version": model.version,
        "contract_hash": model.contract.hash,
        "model_contract_hash": model.contract_hash,
        "threshold": model.threshold,
        "replica": replica,
    }
    flagged = model.scorer.flagged(scores)
    encode = msgspec.json.Encoder().encode
    for start in range(0, len(scores), LINE_ROWS):
        rows = slice(start, start + LINE_ROWS)
        known = good.slice(start, LINE_ROWS).select([TRANSACTION, ENTITY, EVENT_TIME])
        columns = zip(
            prediction_ids[rows].astype(str).tolist(),
            *(known[name].to_pylist() for name in known.column_names),
            features[rows].tolist(),
            scores[rows].tolist(),
            flagged[rows].tolist(),
            strict=True,
        )
        yield encode(shared | {"rows": [_row(*values) for values in columns]}) + b"\n"


def _row(
    prediction_id: str,
    transaction_id: str | None,
    entity_key: str | None,
    event_time: datetime | None,
    features: list[float],
    score: float,
    flagged: int,
) -> dict[str, Any]:
    return {
        "prediction_id": prediction_id,
        "transaction_id": transaction_id or prediction_id.replace("-", ""),
        "entity_key": entity_key,
        "event_time": event_time,
        "features": features,
        "score": score,
        "predicted_label": flagged,
    }
