"""The model of the benchmarks: 30 features, 300 trees of depth 6, as a use case of its own and as the peers' files."""

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

USE_CASE, TREES, DEPTH, ROWS = "bench", 300, 6, 20_000


def write_contract(reference: Path) -> None:
    """Thirty floats, none of them derived."""
    folder = reference / USE_CASE
    folder.mkdir(parents=True, exist_ok=True)
    features = {name: {"type": "float", "range": [-100, 100]} for name in FEATURES}
    contract = {
        "title": "Benchmark", "entity_key": "entity", "event_time": "at", "transaction_id": "transaction_id",
        "label": {"name": "label"}, "features": features,
    }  # fmt: skip
    (folder / "contract.yaml").write_text(json.dumps(contract))  # JSON is YAML


def draw(rows: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Features (rows, 30), and labels that depend on some of them."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, len(FEATURES))).astype(np.float32)
    margin = features[:, :10] @ random.normal(size=10) + features[:, 10] * features[:, 11] - 2
    return features, (random.random(rows) < 1 / (1 + np.exp(-margin))).astype(np.int8)


def fit(seed: int) -> xgboost.XGBClassifier:
    """The model itself."""
    features, labels = draw(ROWS, seed)
    return xgboost.XGBClassifier(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=0.1, n_jobs=2, random_state=seed
    ).fit(features, labels)


def write_version(
    models: Path, reference: Path, model: xgboost.XGBClassifier, version: int
) -> Served:
    """Lay a version out as the registry's folder; returns what the ledger has to name."""
    contract = read_contract(reference / USE_CASE)
    candidate = Candidate(
        fitted=FittedModel(XGBoostEstimator(), model),
        calibration=Calibration(),
        threshold=0.5,
        params={},
        metrics={},
    )
    files = pack(candidate, contract, draw(32, version)[0].astype(np.float64))
    folder = models / USE_CASE / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Served(version, digest(files))
