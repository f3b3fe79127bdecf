"""Scores of many rows are those of each row alone."""

import msgspec
import numpy as np
import pyarrow as pa

from pipelines.rules.batch_scoring.scored_rows import CHUNK, RowScorer
from pipelines.rules.model.bundle import Bundle
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.use_case.contract import Contract
from tests.unit.serving import made

FILES = made.files()
BUNDLE = msgspec.json.decode(FILES["bundle.json"], type=Bundle)
SCORER = OnnxScorer(FILES["model.onnx"])


def table(contract: Contract, n: int) -> pa.Table:
    random = np.random.default_rng(3)
    columns = {name: random.random(n) * 100 for name in contract.raw}
    columns[contract.raw[0]][::7] = np.nan
    return pa.table(columns)


def test_rows_scored_together_have_the_scores_of_rows_scored_alone() -> None:
    scorer = RowScorer(made.FRAUD, BUNDLE, SCORER, made.FRAUD)
    features = scorer.features(table(made.FRAUD, CHUNK + 3))
    assert features.shape == (CHUNK + 3, len(made.FRAUD.columns))
    alone = [scorer.scores(features[[row]])[0] for row in (0, 1, CHUNK, CHUNK + 2)]
    assert scorer.scores(features)[[0, 1, CHUNK, CHUNK + 2]].tolist() == alone


def test_a_row_is_flagged_from_the_threshold_on() -> None:
    scorer = RowScorer(made.FRAUD, BUNDLE, SCORER, made.FRAUD)
    scores = np.array([made.THRESHOLD - 1e-9, made.THRESHOLD, 1.0])
    assert scorer.flagged(scores).tolist() == [0, 1, 1]


def test_rows_are_converted_to_the_contract_of_the_model() -> None:
    first, *others = made.FRAUD.features
    newer = msgspec.structs.replace(made.FRAUD, features=(*others, first))
    scorer = RowScorer(newer, BUNDLE, SCORER, made.FRAUD)
    usual = RowScorer(made.FRAUD, BUNDLE, SCORER, made.FRAUD)
    rows = table(made.FRAUD, 10)
    assert (scorer.scores(scorer.features(rows)) == usual.scores(usual.features(rows))).all()


def test_no_rows_have_no_scores() -> None:
    scorer = RowScorer(made.FRAUD, BUNDLE, SCORER, made.FRAUD)
    assert scorer.scores(scorer.features(table(made.FRAUD, 0))).shape == (0,)
