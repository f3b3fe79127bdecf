"""Messages between a scoring server and its explainer process: MessagePack after its length."""

import struct

import msgspec

from pipelines.rules.model.bundle import Calibration
from pipelines.rules.model.preparation import Preparation

LENGTH = struct.Struct(">I")
HELD = 4  # models that the explainer process keeps; one more replaces the oldest


class LoadModel(msgspec.Struct, tag="model"):
    """Load a model version as `name`: `kind` is its estimator, `content` the file that explains."""

    name: str
    kind: str
    content: bytes
    calibration: Calibration
    preparation: Preparation | None


class ExplainRow(msgspec.Struct, tag="row"):
    """Explain a row with a loaded model: features (columns,), NaN for missing."""

    model: str
    features: list[float]


class RowExplained(msgspec.Struct, tag="explained"):
    """Contributions (columns,) and base value in log-odds."""

    contributions: list[float]
    base_value: float


class ModelLoaded(msgspec.Struct, tag="ready"):
    """The model is loaded."""


class EstimatorMissing(msgspec.Struct, tag="missing"):
    """The model's estimator, or a library that it needs, is not installed; `error` names it."""

    error: str


class RequestFailed(msgspec.Struct, tag="failed"):
    """The request failed; `error` says why."""

    error: str


Reply = ModelLoaded | RowExplained | EstimatorMissing | RequestFailed
_REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def packed(message: msgspec.Struct) -> bytes:
    """Encode a message with its length."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def read(body: bytes) -> Reply:
    """Decode a reply, given without its length."""
    return _REPLIES.decode(body)
