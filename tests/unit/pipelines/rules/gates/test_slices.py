"""Bands of scores and slices of rows show thin evidence and weak spots of a model."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import UseCaseError
from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.gates import label_coverage, recall
from pipelines.rules.gates.score_bands import bands, coverage, predictions_per_row
from pipelines.rules.gates.slices import masks
from pipelines.rules.gates.verdict import Outcome
from pipelines.settings import ROOT
from pipelines.use_case import read_contract, read_policy

FOLDER = ROOT / "reference" / "fraud"
CONTRACT = read_contract(FOLDER)
POLICY = read_policy(FOLDER)


def gates(**changed: Any) -> Any:
    """The shipped gates, some thresholds changed."""
    return msgspec.structs.replace(POLICY.gates, **changed)


def evidence(**changed: Any) -> Evidence:
    """400 rows, 100 of them positive.

    The model finds the first 60 positives; the last 40 lie in the slice `at night`.
    """
    labels = np.repeat([1, 0], [100, 300]).astype(np.int8)
    flags = np.arange(400) < 60
    fields: dict[str, Any] = {
        "labels": labels,
        "challenger_scores": np.where(flags, 0.9, 0.1),
        "challenger_flags": flags,
        "champion_scores": np.full(400, 0.1),
        "champion_flags": np.zeros(400, bool),
        "predictions": 1000,
    }
    return Evidence(**(fields | changed))


def test_every_scored_row_is_in_one_band_and_what_was_never_scored_in_none() -> None:
    scores = np.array([0.9, 0.5, 0.3, 0.25, 0.2, np.nan])
    thresholds = np.full(6, 0.5)
    masks_of_bands = dict(bands(scores, thresholds))
    assert {name: mask.tolist() for name, mask in masks_of_bands.items()} == {
        "high": [True, True, False, False, False, False],
        "medium": [False, False, True, True, False, False],
        "low": [False, False, False, False, True, False],
    }
    assert coverage(scores, thresholds, np.array([1, 0, 1, 1, 0, 1], bool)) == {
        "high": (1, 2),
        "medium": (2, 2),
        "low": (0, 1),
    }
    assert coverage(np.full(2, np.nan), np.full(2, np.nan), np.ones(2, bool)) == {}


def test_a_labelled_row_stands_for_the_predictions_of_its_band() -> None:
    scores = np.array([0.9, 0.3, 0.1, np.nan])
    covered = {"high": [2, 2], "low": [1, 4]}
    weights = predictions_per_row(scores, np.full(4, 0.5), covered)
    assert weights.tolist() == [1.0, 1.0, 4.0, 1.0], "a band without a count stands for itself"


@given(st.integers(0, 2**32 - 1))
def test_the_labelled_rows_stand_for_all_rows_of_bands_with_labels(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.random(50)
    thresholds = np.full(50, 0.5)
    labelled = random.random(50) < 0.4
    covered = coverage(scores, thresholds, labelled)
    weights = predictions_per_row(scores[labelled], thresholds[labelled], covered)
    total = sum(rows for labels, rows in covered.values() if labels)
    assert weights.sum() == pytest.approx(total)


def test_a_biased_coverage_is_shown_and_a_policy_may_wait_for_the_labels_that_are_missing() -> None:
    biased = evidence(coverage={"high": (300, 300), "low": (100, 700)})
    result = label_coverage(biased, gates())
    assert result.outcome is Outcome.PASS
    assert result.parts == {"high": (300, 300), "low": (100, 700)}
    assert "of high scores 100%, of low scores 14%" in result.reason
    waits = label_coverage(biased, gates(band_coverage=0.2))
    assert waits.outcome is Outcome.INSUFFICIENT
    assert "waits for 40 more labels of low scores" in waits.reason


@pytest.mark.parametrize(
    ("mask", "floor", "outcome", "words"),
    [
        pytest.param(
            np.arange(400) >= 60,
            0.0,
            Outcome.PASS,
            'worst slice: "at night", recall 0.0% (n = 40)',
            id="the worst slice is shown",
        ),
        pytest.param(
            np.arange(400) >= 60,
            0.3,
            Outcome.FAIL,
            'at least 40.0% and 30.0% in slice "at night"',
            id="and may have a floor",
        ),
        pytest.param(
            np.arange(400) < 100,
            0.3,
            Outcome.PASS,
            'worst slice: "at night", recall 60.0% (n = 100)',
            id="above the floor",
        ),
        pytest.param(
            np.arange(400) >= 90,
            0.3,
            Outcome.PASS,
            "finds 60 of 100",
            id="too few positives to be judged",
        ),
        pytest.param(
            np.arange(400) >= 100, 0.3, Outcome.PASS, "finds 60 of 100", id="no positives at all"
        ),
    ],
)
def test_a_slice(mask: np.ndarray, floor: float, outcome: Outcome, words: str) -> None:
    result = recall(evidence(slices={"at night": mask}), gates(slice_recall=floor))
    assert (result.outcome, words in result.reason) == (outcome, True), result.reason


def test_slices_and_coverage_are_evidence() -> None:
    plain = evidence()
    assert plain.hash == evidence(coverage={}, slices={}).hash
    assert plain.hash != evidence(coverage={"high": (1, 2)}).hash
    assert (
        evidence(slices={"a": np.arange(400) < 9}).hash
        != evidence(slices={"a": np.arange(400) < 10}).hash
    )


def test_the_shipped_slices_are_conditions_on_the_contracts_columns() -> None:
    features = np.zeros((3, len(CONTRACT.columns)))
    features[:, CONTRACT.columns.index("amount")] = [100, 300, np.nan]
    features[:, CONTRACT.columns.index("during_night")] = [1, 0, np.nan]
    selected = masks(POLICY.evaluation.slices, CONTRACT, features)
    assert selected["large amounts"].tolist() == [False, True, False]
    assert selected["at night"].tolist() == [True, False, False]
    assert selected["new cards"].all()


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        pytest.param("amount", "needed; compare it with something", id="a number"),
        pytest.param("amuont > 3", "is not a numeric raw feature", id="an unknown feature"),
        pytest.param("amount > 3 > 2", "compares more than two", id="a chain"),
    ],
)
def test_a_bad_slice_is_named(condition: str, words: str) -> None:
    with pytest.raises(
        UseCaseError, match=rf"fraud/policy\.yaml: evaluation\.slices\.odd: .*{words}"
    ):
        masks({"odd": condition}, CONTRACT, np.zeros((1, len(CONTRACT.columns))))
