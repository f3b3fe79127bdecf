"""Decisions for people: the same cells in a log, on a terminal and on the review page."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.records import Decision
from pipelines.render import gate_card, gate_table

GATE = {
    "name": "roc_auc",
    "outcome": "PASS",
    "observed": 0.9,
    "threshold": 0.72,
    "low": 0.88,
    "high": None,
    "reason": "ROC-AUC 0.900",
}
SHOWN = (
    "decision 3 · fraud · DRIFT",
    "challenger version 2 against champion version 1",
    "roc_auc",
    "0.9000",
    "0.8800 … -",
    "ROC-AUC 0.900",
    "verdict: APPROVED (r)",
)


def decision(**changes: Any) -> Decision:
    fields: dict[str, Any] = dict.fromkeys(Decision.__dataclass_fields__)
    known = {"id": 3, "use_case": "fraud", "trigger": "DRIFT", "opened_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}
    return Decision(**{**fields, **known, **changes})


@pytest.mark.parametrize("render", [gate_table, gate_card], ids=["as text", "as Markdown"])
def test_a_decision_shows_who_against_whom_each_gate_and_the_verdict(render: Any) -> None:
    text = render(
        decision(
            challenger_version=2, champion_version=1, evidence_source="LOGGED", gates=[GATE], verdict="APPROVED", reason="r"
        )
    )
    for words in SHOWN:
        assert words in text


def test_a_first_model_has_no_champion_and_an_open_run_no_verdict() -> None:
    assert "against no champion" in gate_table(decision(challenger_version=1, gates=[GATE]))
    assert gate_table(decision()).endswith("verdict: none (the run has not decided yet)")
