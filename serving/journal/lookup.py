"""Looks a prediction up by its id, in the journal and in `prediction_logs`."""

from uuid import UUID

from pipelines.errors import UnknownPrediction
from pipelines.records import Prediction
from pipelines.stores.database import Connection
from pipelines.stores.predictions import PredictionLog
from serving.journal.journal import Journal
from serving.journal.prediction_ids import created_at


def find(
    connection: Connection, journal: Journal, use_case: str, prediction_id: UUID
) -> tuple[Prediction, bool]:
    """Return a prediction and whether it is logged, or raise UnknownPrediction.

    The journal is searched first: a line leaves it only after it is logged, so a prediction is
    always in at least one of the two.
    """
    created_at(prediction_id)  # raises for an id that no replica can have issued
    if prediction := journal.find(use_case, prediction_id):
        return prediction, False
    try:
        return PredictionLog(connection).get(use_case, prediction_id), True
    except UnknownPrediction as error:
        raise UnknownPrediction(
            f"{error}: a recent prediction of another replica may not be shipped yet"
        ) from error
