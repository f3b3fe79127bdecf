"""A model that may serve: its graph, proven on its known answers before anyone sees it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.rules.bundle import Bundle, KnownAnswers, check_answers, digest, read_bundle
from pipelines.rules.contract import Contract
from pipelines.rules.ledger import Served

LARGEST = float(np.finfo(np.float32).max)


class Model:
    """One loaded version; scoring is a pure function of the features."""

    def __init__(self, served: Served, bundle: Bundle, graph: bytes) -> None:
        self.served, self.bundle = served, bundle
        self.loaded_at = datetime.now(UTC)
        self._session = _session(graph)

    def score(self, features: NDArray[np.float64]) -> list[float]:
        """Score (n, columns) features, NaN where missing."""
        within = np.clip(features, -LARGEST, LARGEST)  # a derived value may be beyond float32, and infinity times 0 is no score
        scores = self._session.run(["score"], {"features": within.astype(np.float32)})[0]
        return [float(score) for score in scores]


def load(files: Mapping[str, bytes], served: Served, contract: Contract) -> Model:
    """Prove the files to be what the ledger names and what was trained, or raise ModelRejected."""
    found = digest(files)
    if found != served.digest:
        raise ModelRejected(
            f"{contract.use_case} version {served.version} has digest {found[:12]}… and the ledger names "
            f"{served.digest[:12]}…: its files changed after the promotion, promote a version that is whole"
        )
    bundle = read_bundle(files, use_case=contract.use_case, contract_hash=contract.hash)
    if bundle.columns != contract.columns:
        raise ModelRejected(f"the model's columns are {bundle.columns}, not the contract's: train it again")
    model = Model(served, bundle, files["model.onnx"])
    _prove(model, files["known_answers.json"])
    return model


def _prove(model: Model, answers: bytes) -> None:
    try:
        known = msgspec.json.decode(answers, type=KnownAnswers)
        scores = np.array(model.score(known.matrix()))
    except Exception as error:  # the runtime raises types of its own for graphs that don't take the rows
        raise ModelRejected(f"the known answers can't be tried: {error}") from error
    check_answers(known, scores)


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # one row must not wait for a pool
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelRejected(f"model.onnx can't be loaded: {error}") from error
