"""Finding a prediction again, whether it is logged or still in the journal, and showing it by feature names."""

import math
from typing import Any
from uuid import UUID

from pipelines.errors import UnknownPrediction
from pipelines.records import Prediction
from pipelines.rules.contract import Contract, Feature
from pipelines.stores.database import Connection
from pipelines.stores.predictions import PredictionLog
from serving.identifiers import moment
from serving.journal import Journal


def find(connection: Connection, journal: Journal, use_case: str, prediction_id: UUID) -> tuple[Prediction, bool]:
    """Return a prediction and whether it is logged, or raise UnknownPrediction.

    The journal is asked first: a line leaves it only once it is logged, so nothing falls between the two.
    """
    moment(prediction_id)
    if prediction := journal.find(use_case, prediction_id):
        return prediction, False
    try:
        return PredictionLog(connection).get(use_case, prediction_id), True
    except UnknownPrediction as error:
        raise UnknownPrediction(f"{error}: one that another replica answered just now may not be shipped yet") from error


def named(contract: Contract, prediction: Prediction) -> dict[str, Any]:
    """Features by name, as they were sent; a prediction made under another contract shows their places instead."""
    if prediction.contract_hash != contract.hash:
        return {str(place): _plain(value) for place, value in enumerate(prediction.features)}
    kinds: dict[str, Feature] = {feature.name: feature for feature in contract.features}
    return {name: _sent(kinds.get(name), value) for name, value in zip(contract.columns, prediction.features, strict=True)}


def _sent(feature: Feature | None, value: float) -> Any:
    if math.isnan(value) or feature is None:
        return _plain(value)
    if feature.type == "category":
        return feature.values[int(value)]
    return {"bool": bool, "int": int, "float": float}[feature.type](value)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
