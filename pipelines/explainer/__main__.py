"""`python -m pipelines.explainer`: explain single rows for a scoring server, which holds no training library itself.

Requests come on standard input, answers leave on standard output. It ends when its input does. It touches neither disk nor
network: models are handed to it, as data.
"""

import os
import sys
from typing import BinaryIO

import msgspec
import numpy as np

from pipelines.explainer.protocol import (
    HELD,
    LENGTH,
    Answer,
    ExplainRow,
    LoadModel,
    ModelLoaded,
    RequestFailed,
    RowExplained,
    packed,
)

NICENESS = 10  # scoring goes before explaining


def main() -> None:
    """Answer until the input ends."""
    os.nice(NICENESS)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    from pipelines.rules.explanation.shap_explainer import Explainer

    explainers: dict[str, Explainer] = {}
    requests = msgspec.msgpack.Decoder(LoadModel | ExplainRow)
    while body := _read(source):
        answer: Answer
        try:
            request = requests.decode(body)
            if isinstance(request, LoadModel):
                explainers[request.name] = Explainer(
                    request.kind, request.content, request.calibration
                )
                if len(explainers) > HELD:
                    del explainers[next(iter(explainers))]
                answer = ModelLoaded()
            else:
                values, base = explainers[request.model](
                    np.array([request.features], dtype=np.float64)
                )
                answer = RowExplained(values[0].tolist(), base)
        except Exception as error:  # a row or a model that can't be explained ends no process
            answer = RequestFailed(f"{type(error).__name__}: {error}")
        sink.write(packed(answer))
        sink.flush()


def _read(source: BinaryIO) -> bytes:
    """The next message, nothing when the input ends."""
    head = source.read(LENGTH.size)
    return source.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""


if __name__ == "__main__":
    main()
