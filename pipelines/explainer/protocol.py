"""What a scoring server and the process that explains for it say to each other: MessagePack maps, each after its length."""

import struct

import msgspec

from pipelines.rules.model.bundle import Calibration

LENGTH = struct.Struct(">I")
HELD = 4  # models; with another one the oldest is forgotten


class LoadModel(msgspec.Struct, tag="model"):
    """What explains a model version from now on: its file, by its kind; `name` is what rows call it."""

    name: str
    kind: str
    content: bytes
    calibration: Calibration


class ExplainRow(msgspec.Struct, tag="row"):
    """A row to explain by a model that was handed over: features (columns,), NaN for missing."""

    model: str
    features: list[float]


class RowExplained(msgspec.Struct, tag="explained"):
    """Contributions (columns,) and base value in log-odds."""

    contributions: list[float]
    base_value: float


class ModelLoaded(msgspec.Struct, tag="ready"):
    """The model is taken."""


class RequestFailed(msgspec.Struct, tag="failed"):
    """Why not."""

    error: str


Answer = ModelLoaded | RowExplained | RequestFailed
_ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def packed(message: msgspec.Struct) -> bytes:
    """A message as it travels."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def read(body: bytes) -> Answer:
    """An answer, without its length."""
    return _ANSWERS.decode(body)
