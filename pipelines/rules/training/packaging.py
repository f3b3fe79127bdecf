"""A candidate as the files of a model version."""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.model.bundle import Bundle, KnownAnswers, explainer_file
from pipelines.rules.model.model_input import narrow
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.directions import verify_directions
from pipelines.rules.training.onnx_export import to_onnx, verify_export
from pipelines.rules.use_case.contract import Contract

KNOWN_ROWS = 32
VERIFIED_ROWS = 10_000


def pack(
    candidate: Candidate, contract: Contract, features: NDArray[np.float64]
) -> dict[str, bytes]:
    """The files of a version by name; some of the rows (n, columns) become its known answers.

    Raise ModelRejected, with the estimator's name, when the ONNX graph gives other scores, or moves
    a score against a direction of the contract.
    """
    fitted = candidate.fitted
    graph = to_onnx(candidate, len(contract.columns))
    verify_export(candidate, graph, narrow(_spread(features, VERIFIED_ROWS)))
    verify_directions(candidate.kind, graph, contract, features)
    explainer = fitted.estimator.save(fitted.model)
    bundle = Bundle(
        use_case=contract.use_case,
        contract_hash=contract.hash,
        contract=contract,
        columns=contract.columns,
        kind=candidate.kind,
        calibration=candidate.calibration,
        threshold=candidate.threshold,
        explainer_sha256=hashlib.sha256(explainer).hexdigest(),
        preparation=fitted.preparation,
    )
    known = _spread(features, KNOWN_ROWS)
    answers = KnownAnswers.of(known, candidate.score(narrow(known)))
    return {
        "model.onnx": graph,
        "bundle.json": msgspec.json.encode(bundle),
        "known_answers.json": msgspec.json.encode(answers),
        explainer_file(candidate.kind): explainer,
    }


def _spread(features: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """`count` rows evenly spread over all rows; with fewer rows, some are repeated."""
    positions = np.linspace(0, len(features) - 1, count).astype(int)
    return np.asarray(features[positions])
