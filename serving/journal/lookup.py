"""Finding a prediction again, whether it is logged or still in the journal."""

from uuid import UUID

from pipelines.errors import UnknownPrediction
from pipelines.records import Prediction
from pipelines.stores.database import Connection
from pipelines.stores.predictions import PredictionLog
from serving.journal.journal import Journal
from serving.journal.prediction_ids import moment


def find(
    connection: Connection, journal: Journal, use_case: str, prediction_id: UUID
) -> tuple[Prediction, bool]:
    """Return a prediction and whether it is logged, or raise UnknownPrediction.

    The journal is asked first: a line leaves it only once it is logged, so nothing falls between the two.
    """
    moment(prediction_id)
    if prediction := journal.find(use_case, prediction_id):
        return prediction, False
    try:
        return PredictionLog(connection).get(use_case, prediction_id), True
    except UnknownPrediction as error:
        raise UnknownPrediction(
            f"{error}: one that another replica answered just now may not be shipped yet"
        ) from error
