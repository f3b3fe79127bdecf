"""The files of a version score, explain and are checked the same way again."""

import msgspec
import numpy as np

from pipelines.rules.model.bundle import Bundle, Calibration, KnownAnswers
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.packaging import KNOWN_ROWS, pack
from pipelines.settings import ROOT
from pipelines.use_case import read_contract
from tests.unit.pipelines.rules.training.test_hyperparameter_search import trainer

CONTRACT = read_contract(ROOT / "reference" / "fraud")


def test_files_hold_what_scoring_and_explaining_need() -> None:
    random = np.random.default_rng(1)
    features = random.gamma(2, 20, (500, len(CONTRACT.columns)))
    features[random.random(features.shape) < 0.1] = np.nan
    labels = (np.nan_to_num(features[:, 0]) > 40).astype(np.int8)
    rows = Rows(features.astype(np.float32), labels)
    fitted = trainer(imbalance="none").fit(LogisticEstimator(), rows, {})
    calibration = Calibration(0.8, 0.1)
    candidate = Candidate(
        fitted=fitted, calibration=calibration, threshold=0.4, params={}, metrics={}
    )
    files = pack(candidate, CONTRACT, features)
    assert set(files) == {"model.onnx", "bundle.json", "known_answers.json", "explain.json"}
    bundle = msgspec.json.decode(files["bundle.json"], type=Bundle)
    assert bundle.kind == "logistic"
    assert bundle.calibration == calibration
    assert bundle.preparation == fitted.preparation
    known = msgspec.json.decode(files["known_answers.json"], type=KnownAnswers)
    assert len(known.scores) == KNOWN_ROWS
    scores = OnnxScorer(files["model.onnx"])(known.matrix())
    assert np.abs(scores - known.scores).max() < 1e-5
    assert pack(candidate, CONTRACT, features) == files
