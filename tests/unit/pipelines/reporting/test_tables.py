"""Decisions for people: the same cells in a log, on a terminal and on the review page."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.records import Decision, LedgerEntry
from pipelines.reporting.tables import (
    alerts_table,
    console,
    decision_view,
    gate_card,
    gate_table,
    ledger_table,
)
from tests.unit.pipelines.rules.monitoring.alerts import alert_about

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
    known = {
        "id": 3,
        "use_case": "fraud",
        "trigger": "DRIFT",
        "opened_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    return Decision(**{**fields, **known, **changes})


@pytest.mark.parametrize("render", [gate_table, gate_card], ids=["as text", "as Markdown"])
def test_a_decision_shows_who_against_whom_each_gate_and_the_verdict(render: Any) -> None:
    text = render(
        decision(
            challenger_version=2,
            champion_version=1,
            evidence_source="LOGGED",
            gates=[GATE],
            verdict="APPROVED",
            reason="r",
        )
    )
    for words in SHOWN:
        assert words in text


def test_a_first_model_has_no_champion_and_an_open_run_no_verdict() -> None:
    assert "against no champion" in gate_table(decision(challenger_version=1, gates=[GATE]))
    assert gate_table(decision()).endswith("verdict: none (the run has not decided yet)")


HOSTILE = "[/bold] [link=http://x]y[/link] :smile: \x1b[2J\x1b]0;title\x07 \u202etxt"


def test_what_people_wrote_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = decision(
        requested_by=HOSTILE,
        request_reason=HOSTILE,
        reason=HOSTILE,
        reviewer=HOSTILE,
        review_comment=HOSTILE,
    )
    entry = dict.fromkeys(LedgerEntry.__dataclass_fields__) | {
        "at": hostile.opened_at,
        "to_digest": "d",
        "to_version": 1,
    }
    console().print(
        *decision_view(hostile),
        ledger_table([LedgerEntry(**{**entry, "actor": "a", "reason": HOSTILE})]),
    )
    shown = capsys.readouterr().out
    assert "[/bold]" in shown
    assert ":smile:" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_a_reason_is_no_markup_on_the_review_page() -> None:
    card = gate_card(
        decision(
            request_reason="[approve](http://x) ![p](y) **verdict: APPROVED**\n# title",
            gates=[GATE],
        )
    )
    assert r"\[approve\](http://x)" in card
    assert r"\*\*verdict: APPROVED\*\*" in card
    assert "\n# title" not in card


def test_notes_of_the_training_follow_the_warnings_of_the_data() -> None:
    dataset = {"warnings": ["two features are one"], "training": ["logistic is not trained"]}
    text = gate_table(decision(verdict="APPROVED", reason="r", dataset=dataset))
    assert text.endswith("data: two features are one\ntraining: logistic is not trained")


def test_warnings_are_items_of_a_list_on_the_review_page() -> None:
    warnings = ["amount: 9% of values are outside the range", "two features are one"]
    card = gate_card(
        decision(gates=[GATE], verdict="APPROVED", reason="r", dataset={"warnings": warnings})
    )
    verdict = card.splitlines().index("verdict: APPROVED (r)")
    items = card.splitlines()[verdict + 2 :]
    assert len(items) == 2
    assert all(item.startswith("- ") for item in items)


def test_an_alert_shows_why_it_was_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    reason = "version 2 replaced version 1 (decision 4)"
    resolved = replace(alert_about(1), state="RESOLVED", resolution=reason)
    console().print(alerts_table([resolved]))
    shown = " ".join(capsys.readouterr().out.split())
    assert f"recall is low. Resolved: {reason}" in shown
    console().print(alerts_table([alert_about(1)]))
    assert "Resolved" not in capsys.readouterr().out
