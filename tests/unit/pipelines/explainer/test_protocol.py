"""Messages between a server and its explainer process come back as they were sent."""

import math

import msgspec
import pytest

from pipelines.explainer.protocol import (
    LENGTH,
    EstimatorMissing,
    ExplainRow,
    LoadModel,
    ModelLoaded,
    RequestFailed,
    RowExplained,
    packed,
    read,
)
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.model.preparation import Preparation


@pytest.mark.parametrize(
    "reply",
    [
        ModelLoaded(),
        RowExplained([0.5, -1.0], 0.25),
        EstimatorMissing("estimator 'lightgbm' can't be imported"),
        RequestFailed("KeyError: 'm'"),
    ],
)
def test_a_reply_is_read_as_it_was_sent(reply: msgspec.Struct) -> None:
    message = packed(reply)
    (length,) = LENGTH.unpack(message[: LENGTH.size])
    assert length == len(message) - LENGTH.size
    assert read(message[LENGTH.size :]) == reply


@pytest.mark.parametrize("preparation", [None, Preparation(fill=(1.5, 0.0), categories=(0, 3))])
def test_a_request_keeps_the_model_and_missing_values(preparation: Preparation | None) -> None:
    requests = msgspec.msgpack.Decoder(LoadModel | ExplainRow)
    load = LoadModel("m", "xgboost", b"\x00\xff", Calibration(0.5, 1.0), preparation)
    assert requests.decode(packed(load)[LENGTH.size :]) == load
    row = requests.decode(packed(ExplainRow("m", [1.0, math.nan]))[LENGTH.size :])
    assert row.features[0] == 1.0
    assert math.isnan(row.features[1])
