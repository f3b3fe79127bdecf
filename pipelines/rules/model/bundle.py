"""A model bundle: the files of a model version, and the digest that names those that serve.

- model.onnx: input `features` float32 (n, columns) with NaN for missing, output `score` float32
  (n,), calibrated
- bundle.json: format, use case, contract and its hash, columns, kind, calibration, threshold,
  preparation
- known_answers.json: rows of features (null where missing) and their scores, checked whenever the
  model is loaded
- explain.*: what explains the version, written and read by its estimator; its sha256 is in
  bundle.json, so the digest covers it
- warm_up.json: rows and scores of the requests of the final validation; written later, and not
  part of the digest
"""

import hashlib
import math
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.rules.model.preparation import Preparation
from pipelines.rules.use_case.contract import Contract

FILES = ("model.onnx", "bundle.json", "known_answers.json")
WARM_UP = "warm_up.json"
FORMAT = 1
TOLERANCE = 1e-5


EXPLAINERS = {"xgboost": "explain.ubj", "logistic": "explain.json"}


class Calibration(msgspec.Struct, frozen=True):
    """Platt scaling: score = sigmoid(a · margin + b)."""

    a: float = 1.0
    b: float = 0.0

    def score(self, margin: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated probabilities (n,) of margins (n,), log-odds as the model has them."""
        return sigmoid(self.a * np.asarray(margin, dtype=np.float64) + self.b)


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies a model version and turns its margin into a prediction."""

    use_case: str
    contract_hash: str
    columns: tuple[str, ...]
    kind: str
    calibration: Calibration
    threshold: float
    format: int = FORMAT
    explainer_sha256: str | None = None  # None in versions of before it was kept
    preparation: Preparation | None = None
    contract: Contract | None = None  # None in versions of before it was kept

    def trained_under(self, *candidates: Contract) -> Contract:
        """Return the contract that the model was trained under.

        For a version that does not hold it, it is the candidate with the model's contract hash.
        Raises ModelRejected when no candidate has it.
        """
        if self.contract is not None:
            return self.contract
        for contract in candidates:
            if contract.hash == self.contract_hash:
                return contract
        raise ModelRejected(
            f"the model was trained under the contract {self.contract_hash}, which its files do "
            "not hold and which is not recorded here: promote a version that a newer release of "
            "Sixgate trained, or restore the database's table contracts from a backup"
        )


class KnownAnswers(msgspec.Struct, frozen=True):
    """Rows whose scores are known; NaN travels as null."""

    features: list[list[float | None]]
    scores: list[float]

    @classmethod
    def of(cls, features: NDArray[np.float64], scores: NDArray[np.float64]) -> "KnownAnswers":
        """Keep (n, columns) features and (n,) scores."""
        rows = [[None if math.isnan(value) else float(value) for value in row] for row in features]
        return cls(rows, [float(score) for score in scores])

    def matrix(self) -> NDArray[np.float64]:
        """The rows as (n, columns), missing as NaN."""
        return np.array(
            [[math.nan if value is None else value for value in row] for row in self.features],
            dtype=np.float64,
        )


def sigmoid(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-margin)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * margin)), dtype=np.float64)


def digest(files: Mapping[str, bytes]) -> str:
    """Name the serving files by content: sha256 over their names and sha256s."""
    missing = [name for name in FILES if name not in files]
    if missing:
        raise ModelRejected(
            f"the model has no {', '.join(missing)}: it was not made by the train step"
        )
    parts = [f"{name} {hashlib.sha256(files[name]).hexdigest()}" for name in FILES]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def explainer_file(kind: str) -> str:
    """Name of the file that explains a version, by the name of its estimator."""
    return EXPLAINERS.get(kind, "explain.bin")


def explainer_of(bundle: Bundle, files: Mapping[str, bytes]) -> bytes:
    """The file that explains a version; ModelRejected when it is not what was registered."""
    name = explainer_file(bundle.kind)
    if name not in files:
        raise ModelRejected(f"the model has no {name}: it was not made by the train step")
    sha256 = hashlib.sha256(files[name]).hexdigest()
    registered = bundle.explainer_sha256
    if registered not in (None, sha256):
        raise ModelRejected(
            f"{name} is not what was registered: its sha256 is {sha256}, not {registered}"
        )
    return files[name]


def read_bundle(files: Mapping[str, bytes], *, use_case: str) -> Bundle:
    """Decode `bundle.json`; ModelRejected for another use case or format."""
    try:
        bundle = msgspec.json.decode(files["bundle.json"], type=Bundle)
    except (KeyError, msgspec.DecodeError) as error:
        raise ModelRejected(f"bundle.json can't be read: {error}") from error
    if bundle.format != FORMAT:
        raise ModelRejected(
            f"the model's format is {bundle.format!r} and this release of Sixgate reads format "
            f"{FORMAT!r}: upgrade this server, or promote a version of format {FORMAT!r}"
        )
    if bundle.use_case != use_case:
        raise ModelRejected(
            f"the model's use case is {bundle.use_case!r}, not {use_case!r}: "
            f"promote a version of {use_case}"
        )
    return bundle


def check_answers(known: KnownAnswers, scores: NDArray[np.float64]) -> None:
    """Raise ModelRejected when scores differ from the known ones by more than 1e-5 or are NaN."""
    differences = np.abs(np.asarray(known.scores) - scores)
    largest = float(np.max(differences)) if len(known.scores) else math.nan
    if not largest <= TOLERANCE:
        raise ModelRejected(
            f"known answers differ by {largest:.2g}, more than {TOLERANCE:g}: "
            "the artefact is not what was trained"
        )
