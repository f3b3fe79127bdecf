"""The prediction log on a real database."""

from uuid import UUID

import pytest

from pipelines.context import Context
from pipelines.errors import (
    UnknownPrediction,
)
from pipelines.records import Prediction
from pipelines.stores.predictions import time_of
from tests.integration.lifecycle import (
    as_lines,
)


def test_logged_predictions_are_found_by_id_once_and_again(
    trained: Context, traffic: list[Prediction]
) -> None:
    with trained.connection.transaction():
        assert trained.predictions.record(as_lines(traffic[:10])) == 0
    found = trained.predictions.get("fraud", traffic[0].prediction_id)
    assert (found.score, found.scored_at) == (traffic[0].score, time_of(found.prediction_id))
    with pytest.raises(UnknownPrediction):
        trained.predictions.get("fraud", UUID(int=7 << 76))
    named = trained.connection.execute(
        "SELECT amount, amount_to_mean_30d FROM fraud_predictions WHERE prediction_id = %s",
        (found.prediction_id,),
    ).fetchone()
    assert named == {"amount": found.features[0], "amount_to_mean_30d": found.features[15]}
