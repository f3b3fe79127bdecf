"""A candidate as files: the bundle that serves, and what explains it."""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.bundle import Bundle, KnownAnswers
from pipelines.rules.candidates import Candidate
from pipelines.rules.contract import Contract
from pipelines.rules.explain import explainer_file
from pipelines.rules.graph import to_onnx
from pipelines.rules.narrow import narrow

KNOWN_ROWS = 32


def pack(candidate: Candidate, contract: Contract, features: NDArray[np.float64]) -> dict[str, bytes]:
    """Everything a model version holds, by file name; some of the rows (n, columns) become its known answers."""
    known = features[np.linspace(0, len(features) - 1, KNOWN_ROWS).astype(int)]
    name, explainer = explainer_file(candidate)
    bundle = Bundle(
        use_case=contract.use_case, contract_hash=contract.hash, columns=contract.columns, kind=candidate.kind,
        calibration=candidate.calibration, threshold=candidate.threshold,
        explainer_sha256=hashlib.sha256(explainer).hexdigest(),
    )  # fmt: skip
    return {
        "model.onnx": to_onnx(candidate, len(contract.columns)),
        "bundle.json": msgspec.json.encode(bundle),
        "known_answers.json": msgspec.json.encode(KnownAnswers.of(known, candidate.score(narrow(known)))),
        name: explainer,
    }
