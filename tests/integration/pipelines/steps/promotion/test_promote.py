"""Promotions of approved decisions."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from pipelines.context import Context
from pipelines.errors import SixgateError
from pipelines.rules.promotion.eligibility import promotion_id
from tests.integration.lifecycle import Run, in_production


def test_a_challenger_that_learned_the_attack_beats_the_champion_and_is_promoted(
    trained: Context,
) -> None:
    decision = trained.decisions.of_run("fraud", "second")
    assert (decision.trigger, decision.evidence_source, decision.champion_version) == (
        "DRIFT",
        "LOGGED",
        1,
    )
    assert {gate["outcome"] for gate in decision.gates or []} == {"PASS"}
    rows = trained.connection.execute(
        "SELECT gate, outcome FROM gate_decisions WHERE decision_id = %s", (decision.id,)
    ).fetchall()
    assert len(rows) == 6
    served = trained.connection.execute(
        "SELECT version FROM what_served('fraud', now())"
    ).fetchone()
    assert served == {"version": decision.challenger_version}
    entries = trained.ledger.of(promotion_id("fraud", decision.id))
    assert [(e.state, e.actor) for e in entries] == [("INTENDED", "ana"), ("DONE", "ana")]
    reviewed = trained.decisions.get("fraud", decision.id)
    assert (reviewed.reviewer, reviewed.review_comment) == ("ana", "the attack is real")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param(
            {"decision_id": "abc"},
            "parameter 'decision_id' is 'abc': it must be a whole number",
            id="a decision that is no number",
        ),
        pytest.param({}, "param 'decision_id' is None, not a number", id="no decision"),
    ],
)
def test_a_promotion_names_its_decision_by_number(
    run: Run, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(SixgateError, match=message):
        run("unnamed", "promote", **params)


def test_the_alias_and_the_ledger_agree_after_a_promotion_that_was_cut_off(
    trained: Context, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.steps.promotion import model_swap, promote

    decision = trained.decisions.of_run("fraud", "second")
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        trained.connection.execute("DELETE FROM promotions WHERE use_case = 'fraud'")
    monkeypatch.setattr(promote, "promotion_id", lambda use_case, number: UUID(int=number))
    monkeypatch.setattr(promote, "why_promotion_refused", lambda *_, **__: None)
    monkeypatch.setattr(
        model_swap, "_wait_for_replicas", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        run("cut", "promote", decision_id=decision.id)
    states = [entry.state for entry in trained.ledger.of(UUID(int=decision.id))]
    assert states == ["INTENDED"]
    monkeypatch.setattr(model_swap, "_wait_for_replicas", lambda *_: "acknowledged")
    run("cut", "promote", decision_id=decision.id)
    assert [entry.state for entry in trained.ledger.of(UUID(int=decision.id))] == [
        "INTENDED",
        "DONE",
    ]
    assert in_production(trained) == decision.challenger_version
