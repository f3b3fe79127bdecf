"""A limit on the flagged share keeps out a model that finds positives by flagging many rows."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.flagged_share import flagged_share
from pipelines.rules.gates.gates import recall
from pipelines.rules.gates.verdict import Outcome
from pipelines.rules.statistics.confidence_intervals import wilson
from pipelines.rules.use_case.policy_sections.gates import Gates


def evidence(flagged: int, *, positives: int = 100, n: int = 1000) -> Evidence:
    """The first rows are positive, and the first ones are flagged."""
    flags = np.arange(n) < flagged
    return Evidence(
        labels=(np.arange(n) < positives).astype(np.int8),
        challenger_scores=np.where(flags, 0.9, 0.1),
        challenger_flags=flags,
        predictions=n,
    )


@pytest.mark.parametrize(
    ("flagged", "limit", "outcome", "reason"),
    [
        pytest.param(
            450,
            None,
            Outcome.PASS,
            "finds 100 of 100 positives, 100.0%; flags 450 of 1,000 rows, 45.00%",
            id="without a limit the share is reported only",
        ),
        pytest.param(
            450,
            0.45,
            Outcome.PASS,
            "finds 100 of 100 positives, 100.0%; flags 450 of 1,000 rows, 45.00% "
            "(interval 41.94% to 48.10%, limit 45.00%)",
            id="a share at the limit passes",
        ),
        pytest.param(
            451,
            0.45,
            Outcome.FAIL,
            "finds 100 of 100 positives, 100.0%; flags 451 of 1,000 rows, 45.10% "
            "(interval 42.04% to 48.20%, limit 45.00%); needs at least 40.0%, at most 45.00% of "
            "the rows flagged",
            id="a share above the limit fails",
        ),
        pytest.param(
            30,
            0.45,
            Outcome.FAIL,
            "finds 30 of 100 positives, 30.0%; flags 30 of 1,000 rows, 3.00% "
            "(interval 2.11% to 4.25%, limit 45.00%); needs at least 40.0%",
            id="few flags do not help a model that finds too little",
        ),
        pytest.param(
            0,
            0.0,
            Outcome.FAIL,
            "finds 0 of 100 positives, 0.0%; flags 0 of 1,000 rows, 0.00% "
            "(interval 0.00% to 0.38%, limit 0.00%); needs at least 40.0%",
            id="a limit of 0 permits no flag",
        ),
    ],
)
def test_the_limit_belongs_to_the_gate_of_recall(
    flagged: int, limit: float | None, outcome: Outcome, reason: str
) -> None:
    result = recall(evidence(flagged), Gates(flagged_share=limit))
    assert (result.outcome, result.reason) == (outcome, reason)
    assert (result.counts["flagged"], result.counts["rows"]) == (flagged, 1000)


def test_the_decision_keeps_share_limit_and_interval() -> None:
    stored = recall(evidence(450), Gates(flagged_share=0.2)).as_dict()
    low, high = wilson(450, 1000)
    value = {"observed": 0.45, "threshold": 0.2, "low": low, "high": high}
    assert json.loads(json.dumps(stored))["further"] == {"flagged_share": value}
    assert (stored["observed"], stored["threshold"]) == (1.0, 0.4), "they are those of recall"


def test_without_a_limit_a_result_is_stored_as_before() -> None:
    assert "further" not in recall(evidence(450), Gates()).as_dict()


def test_without_positives_the_gate_waits_for_labels() -> None:
    result = recall(evidence(900, positives=0), Gates(flagged_share=0.1))
    assert result.outcome is Outcome.INSUFFICIENT


@given(st.lists(st.booleans(), min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_what_a_lower_limit_lets_pass_a_higher_one_does_too(
    flags: list[bool], one: float, other: float
) -> None:
    lower, higher = sorted([one, other])
    array = np.array(flags)
    assert flagged_share(array, higher).is_within or not flagged_share(array, lower).is_within
    assert flagged_share(array, 1.0).is_within
    assert flagged_share(array, lower).is_within == (array.mean() <= lower)


def test_a_policy_of_an_earlier_release_has_no_limit() -> None:
    stored: dict[str, Any] = msgspec.to_builtins(Gates(flagged_share=0.1))
    del stored["flagged_share"]
    assert msgspec.convert(stored, Gates).flagged_share is None
