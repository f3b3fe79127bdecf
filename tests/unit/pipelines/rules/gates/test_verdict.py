"""The verdict of several gates, and a gate's result as JSON."""

import json
import math

import pytest

from pipelines.rules.gates.verdict import GateResult, Outcome, Verdict, verdict


def result(name: str, outcome: Outcome) -> GateResult:
    return GateResult(name=name, outcome=outcome, threshold=0.5, reason=f"{name} says so")


PASSED = result("recall", Outcome.PASS)
FAILED = result("brier", Outcome.FAIL)
WAITING = result("samples", Outcome.INSUFFICIENT)
LEFT_OUT = result("f1_improvement", Outcome.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("results", "expected", "reason"),
    [
        pytest.param(
            [PASSED, PASSED],
            Verdict.APPROVED,
            "2 of 2 gates passed, 0 not applicable",
            id="all gates pass",
        ),
        pytest.param(
            [PASSED, LEFT_OUT],
            Verdict.APPROVED,
            "1 of 2 gates passed, 1 not applicable",
            id="a gate that does not apply does not count against",
        ),
        pytest.param(
            [PASSED, WAITING],
            Verdict.INSUFFICIENT,
            "samples: samples says so",
            id="one gate waits for labels",
        ),
        pytest.param(
            [WAITING, FAILED, PASSED],
            Verdict.REJECTED,
            "brier: brier says so",
            id="a failure decides, whatever waits",
        ),
        pytest.param(
            [FAILED, result("roc_auc", Outcome.FAIL)],
            Verdict.REJECTED,
            "brier: brier says so; roc_auc: roc_auc says so",
            id="every failed gate is named",
        ),
    ],
)
def test_the_verdict_follows_from_the_worst_gate(
    results: list[GateResult], expected: Verdict, reason: str
) -> None:
    assert verdict(results) == (expected, reason)


def test_a_result_without_evidence_is_valid_json() -> None:
    gate = GateResult(
        name="recall",
        outcome=Outcome.INSUFFICIENT,
        threshold=0.4,
        observed=math.nan,
        high=math.inf,
        counts={"positives": 0},
        parts={"high": (0, 3)},
        reason="no positives",
    )
    stored = json.loads(json.dumps(gate.as_dict(), allow_nan=False))
    assert (stored["observed"], stored["high"], stored["threshold"]) == (None, None, 0.4)
    assert (stored["outcome"], stored["parts"]) == ("INSUFFICIENT", {"high": [0, 3]})
