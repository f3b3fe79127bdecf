"""The model of the benchmarks: 30 features and 300 trees of depth 6, as a use case and as files."""

import json
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from benchmarks.peers import FEATURES
from pipelines.rules.model.bundle import Calibration, digest
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import FittedModel
from pipelines.rules.training.packaging import pack
from pipelines.use_case import read_contract

USE_CASE = "bench"
TREES = 300
DEPTH = 6
ROWS = 20_000


def write_contract(reference: Path) -> None:
    """Write the contract of the use case: thirty floats, none of them derived."""
    folder = reference / USE_CASE
    folder.mkdir(parents=True, exist_ok=True)
    contract = {
        "title": "Benchmark",
        "entity_key": "entity",
        "event_time": "at",
        "transaction_id": "transaction_id",
        "label": {"name": "label"},
        "features": {name: {"type": "float", "range": [-100, 100]} for name in FEATURES},
    }
    (folder / "contract.yaml").write_text(json.dumps(contract))  # JSON is YAML


def draw(rows: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return features (rows, 30), and labels (rows,) that depend on some of them."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, len(FEATURES))).astype(np.float32)
    interaction = features[:, 10] * features[:, 11]
    margin = features[:, :10] @ random.normal(size=10) + interaction - 2
    probability = 1 / (1 + np.exp(-margin))
    labels = random.random(rows) < probability
    return features, labels.astype(np.int8)


def fit(seed: int) -> xgboost.XGBClassifier:
    """Return the fitted model."""
    features, labels = draw(ROWS, seed)
    model = xgboost.XGBClassifier(
        n_estimators=TREES,
        max_depth=DEPTH,
        learning_rate=0.1,
        n_jobs=2,
        random_state=seed,
    )
    return model.fit(features, labels)


def write_version(
    models: Path, reference: Path, model: xgboost.XGBClassifier, version: int
) -> Served:
    """Write the files of a version to a folder of models, and return its entry for the ledger."""
    contract = read_contract(reference / USE_CASE)
    candidate = Candidate(
        fitted=FittedModel(XGBoostEstimator(), model),
        calibration=Calibration(),
        threshold=0.5,
        params={},
        metrics={},
    )
    sample, _ = draw(32, version)
    files = pack(candidate, contract, sample.astype(np.float64))
    folder = models / USE_CASE / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Served(version, digest(files))
