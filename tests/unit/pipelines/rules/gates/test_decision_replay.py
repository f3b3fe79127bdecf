"""A replayed decision reports each difference from its record, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.records import Decision
from pipelines.rules.gates.decision_replay import differences
from pipelines.rules.gates.verdict import FurtherValue, GateResult, Outcome

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RESULTS = [
    GateResult(name="recall", outcome=Outcome.PASS, observed=0.5, threshold=0.4, reason="why"),
    GateResult(
        name="brier", outcome=Outcome.PASS, observed=float("nan"), threshold=0.01, reason="why"
    ),
]


def decision(**changed: Any) -> Decision:
    """A recorded decision of these results."""
    plain: dict[str, Any] = {
        "id": 7,
        "use_case": "fraud",
        "run_id": "r",
        "trigger": "MANUAL",
        "requested_by": None,
        "request_reason": None,
        "params": {},
        "as_of": NOW,
        "champion_version": 1,
        "challenger_version": 2,
        "evidence_source": "LOGGED",
        "dataset": {},
        "gates": [result.as_dict() for result in RESULTS],
        "policy": {},
        "verdict": "APPROVED",
        "reason": "why",
        "reviewer": None,
        "review_comment": None,
        "evidence_hash": "abc",
        "git_sha": None,
        "opened_at": NOW,
        "decided_at": NOW,
    }
    return Decision(**(plain | changed))


def gates(**changed: Any) -> list[dict[str, Any]]:
    """The recorded gates, the first one changed."""
    first, second = (result.as_dict() for result in RESULTS)
    return [first | changed, second]


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        pytest.param(decision(), [], id="nothing changed"),
        pytest.param(
            decision(verdict="SUPERSEDED"), [], id="what was superseded had been approved"
        ),
        pytest.param(
            decision(gates=gates(observed=0.5 + 1e-13)), [], id="another processor's last digit"
        ),
        pytest.param(decision(gates=gates(reason="other words")), [], id="words may change"),
        pytest.param(decision(evidence_hash="abd"), ["the evidence differs"], id="other evidence"),
        pytest.param(
            decision(gates=gates(observed=0.51)),
            ["recall: observed was 0.51, is 0.5"],
            id="another value",
        ),
        pytest.param(
            decision(gates=gates(observed=None)),
            ["recall: observed was None, is 0.5"],
            id="no value then",
        ),
        pytest.param(
            decision(gates=gates(outcome="FAIL")),
            ["recall: outcome was FAIL, is PASS"],
            id="another outcome",
        ),
        pytest.param(
            decision(gates=gates(threshold=0.3)),
            ["recall: threshold was 0.3, is 0.4"],
            id="another threshold",
        ),
        pytest.param(
            decision(gates=gates()[1:]), ["recall: no result was recorded"], id="a new gate"
        ),
        pytest.param(
            decision(gates=[*gates(), {"name": "old"}]),
            ["old: recorded, but no longer a gate"],
            id="a gate that is gone",
        ),
        pytest.param(
            decision(verdict="REJECTED"),
            ["the verdict was REJECTED, is APPROVED"],
            id="another verdict",
        ),
    ],
)
def test_what_differs_is_said(recorded: Decision, words: list[str]) -> None:
    described = differences(recorded, "abc", RESULTS)
    assert len(described) == len(words)
    assert all(word in difference for word, difference in zip(words, described, strict=True))


def test_every_difference_is_said() -> None:
    failed = [replace(RESULTS[0], outcome=Outcome.FAIL, observed=0.1), RESULTS[1]]
    assert len(differences(decision(), "other", failed)) == 4


LIMITED = replace(
    RESULTS[0],
    further={
        "flagged_share": FurtherValue(observed=0.45, threshold=0.5),
        "precision_at_100": FurtherValue(observed=0.3),
    },
)


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        pytest.param({}, [], id="nothing changed"),
        pytest.param(
            {"flagged_share": {"observed": 0.44, "threshold": 0.4}},
            [
                "recall: flagged_share: observed was 0.44, is 0.45",
                "recall: flagged_share: threshold was 0.4, is 0.5",
            ],
            id="another share and another limit",
        ),
        pytest.param(
            {"precision_at_50": {"observed": 0.3, "threshold": None}},
            ["recall: precision_at_50 was recorded, and is no longer a value of the gate"],
            id="a value that is gone",
        ),
    ],
)
def test_further_values_are_compared(recorded: dict[str, Any], words: list[str]) -> None:
    stored = LIMITED.as_dict()
    stored["further"] |= recorded
    second = RESULTS[1].as_dict()
    assert differences(decision(gates=[stored, second]), "abc", [LIMITED, RESULTS[1]]) == words


def test_a_decision_of_before_further_values_is_the_same_as_recorded() -> None:
    assert differences(decision(), "abc", [LIMITED, RESULTS[1]]) == []
