"""A candidate as files: the bundle that serves, and what explains it."""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.explanation.shap_explainer import Linear
from pipelines.rules.model.bundle import EXPLAINERS, Bundle, KnownAnswers
from pipelines.rules.model.model_input import narrow
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.onnx_export import to_onnx
from pipelines.rules.use_case.contract import Contract

KNOWN_ROWS = 32


def pack(
    candidate: Candidate, contract: Contract, features: NDArray[np.float64]
) -> dict[str, bytes]:
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
        "known_answers.json": msgspec.json.encode(
            KnownAnswers.of(known, candidate.score(narrow(known)))
        ),
        name: explainer,
    }


def explainer_file(candidate: Candidate) -> tuple[str, bytes]:
    """What explaining a candidate later needs: a name and its content, data and never code."""
    if candidate.kind == "xgboost":
        return EXPLAINERS["xgboost"], bytes(candidate.model.get_booster().save_raw("ubj"))
    imputer, scaler, regression = (step for _, step in candidate.model.steps)
    slopes = regression.coef_[0] / scaler.scale_
    linear = Linear(
        slopes=slopes.tolist(),
        intercept=float(regression.intercept_[0] - (slopes * scaler.mean_).sum()),
        medians=imputer.statistics_.tolist(),
        means=scaler.mean_.tolist(),
    )
    return EXPLAINERS["logistic"], msgspec.json.encode(linear)
