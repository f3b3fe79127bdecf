"""`python -m pipelines.explainer`: explain single rows for a scoring server.

The server itself imports no training library.

Requests come on standard input, replies leave on standard output, and the process ends with its
input. It uses neither disk nor network: it is given models as data.
"""

import os
import sys
from typing import BinaryIO

import msgspec
import numpy as np

from pipelines.errors import UseCaseError
from pipelines.explainer.protocol import (
    HELD,
    LENGTH,
    EstimatorMissing,
    ExplainRow,
    LoadModel,
    ModelLoaded,
    Reply,
    RequestFailed,
    RowExplained,
    packed,
)
from pipelines.rules.explanation.shap_explainer import Explainer
from pipelines.stores.estimators import read_explainer

NICENESS = 10  # scoring goes before explaining


def main() -> None:
    """Reply to requests until the input ends."""
    os.nice(NICENESS)
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not write between replies
    explainers: dict[str, Explainer] = {}
    requests = msgspec.msgpack.Decoder(LoadModel | ExplainRow)
    while body := _read(source):
        try:
            reply = _reply(requests.decode(body), explainers)
        except Exception as error:  # one row that can't be explained must not end the process
            reply = RequestFailed(f"{type(error).__name__}: {error}")
        sink.write(packed(reply))
        sink.flush()


def _reply(request: LoadModel | ExplainRow, explainers: dict[str, Explainer]) -> Reply:
    """Load a model into `explainers`, or explain a row with one of them."""
    if isinstance(request, ExplainRow):
        features = np.array([request.features], dtype=np.float64)
        values, base = explainers[request.model](features)
        return RowExplained(values[0].tolist(), base)
    try:
        explainer = read_explainer(
            request.kind, request.content, request.calibration, request.preparation
        )
    except (UseCaseError, ImportError) as error:  # an estimator may import a library in `load`
        return EstimatorMissing(str(error))
    explainers[request.name] = explainer
    if len(explainers) > HELD:
        del explainers[next(iter(explainers))]
    return ModelLoaded()


def _read(source: BinaryIO) -> bytes:
    """The next message; empty when the input has ended."""
    head = source.read(LENGTH.size)
    return source.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""


if __name__ == "__main__":
    main()
