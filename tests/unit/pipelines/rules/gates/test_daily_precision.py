"""What investigators would find with either model is reported beside recall, and does not decide."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.rules.gates.daily_precision import daily_precision, in_words
from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.gates import recall
from pipelines.rules.gates.verdict import Outcome
from pipelines.rules.statistics.precision_at_k import Workload
from pipelines.rules.use_case.policy_sections.gates import Gates

LABELS = np.array([1, 0, 1, 0, 1, 0], np.int8)
CHALLENGER = np.array([0.9, 0.1, 0.8, 0.2, 0.7, 0.3])
EVIDENCE = Evidence(
    labels=LABELS,
    challenger_scores=CHALLENGER,
    challenger_flags=CHALLENGER >= 0.5,
    champion_scores=1 - CHALLENGER,
    champion_flags=CHALLENGER <= 0.5,
    predictions=6,
    workload=Workload(
        per_day=1, days=np.array([1, 1, 2, 2, 2, 2]), entities=np.array([7, 8, 7, 8, 9, 9])
    ),
)
ALONE = replace(EVIDENCE, champion_scores=None, champion_flags=None)


def test_both_models_are_measured_on_the_same_rows() -> None:
    assert daily_precision(EVIDENCE) == {
        "precision_at_1": 1.0,
        "card_precision_at_1": 1.0,
        "champion_precision_at_1": 0.0,
        "champion_card_precision_at_1": 0.0,
    }
    assert set(daily_precision(ALONE)) == {"precision_at_1", "card_precision_at_1"}


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        pytest.param(
            EVIDENCE,
            "Precision@1 1.000 (champion 0.000), Card Precision@1 1.000 (champion 0.000)",
            id="beside the champion",
        ),
        pytest.param(ALONE, "Precision@1 1.000, Card Precision@1 1.000", id="without a champion"),
        pytest.param(replace(EVIDENCE, workload=None), "", id="without a number of alerts"),
    ],
)
def test_the_metrics_in_words(evidence: Evidence, words: str) -> None:
    assert in_words(daily_precision(evidence)) == words
    assert recall(evidence, Gates()).reason.endswith(f"; {words}" if words else "50.00%")


def test_the_gate_keeps_them_and_they_do_not_decide() -> None:
    result = recall(EVIDENCE, Gates(flagged_share=0.5))
    assert result.outcome is Outcome.PASS
    values = {name: value.observed for name, value in result.further.items()}
    assert values == {"flagged_share": 0.5, **daily_precision(EVIDENCE)}
    assert result.further["precision_at_1"].threshold is None


def test_scores_that_are_no_numbers_have_no_precision() -> None:
    broken = replace(EVIDENCE, challenger_scores=np.full(6, np.nan))
    assert set(daily_precision(broken)) == {
        "champion_precision_at_1",
        "champion_card_precision_at_1",
    }
