"""Which version may become Production, and which version a rollback returns to."""

from typing import Any

import pytest

from pipelines.records import Decision, LedgerEntry
from pipelines.rules.promotion.eligibility import (
    last_good,
    promotion_id,
    why_promotion_refused,
    why_rollback_refused,
)
from pipelines.rules.promotion.ledger import Served
from tests.unit.pipelines.rules.promotion.ledger_entries import BACK, FIRST, SECOND, THIRD, entry


def decision(**changes: Any) -> Decision:
    fields: dict[str, Any] = dict.fromkeys(Decision.__dataclass_fields__)
    return Decision(
        **{
            **fields,
            "id": 7,
            "use_case": "fraud",
            "verdict": "APPROVED",
            "champion_version": 1,
            "evidence_hash": "h",
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "now", "newest", "evidence", "words"),
    [
        pytest.param({}, 1, 7, "h", None, id="nothing changed"),
        pytest.param({"verdict": "REJECTED"}, 1, 7, "h", "not APPROVED", id="rejected"),
        pytest.param({"verdict": None}, 1, 7, "h", "the verdict is pending", id="undecided"),
        pytest.param(
            {"verdict": "SUPERSEDED"}, 1, 8, "h", "superseded: decision 8", id="superseded"
        ),
        pytest.param({}, 1, 8, "h", "superseded: decision 8", id="a newer one was approved"),
        pytest.param({}, 2, 7, "h", "the champion is version 2", id="another champion"),
        pytest.param({}, None, 7, "h", "the champion is version None", id="the champion is gone"),
        pytest.param({}, 1, 7, "other", "the evidence has changed", id="other evidence"),
    ],
)
def test_compare_and_swap(
    changes: dict[str, Any], now: int | None, newest: int, evidence: str, words: str | None
) -> None:
    served = Served(now, "d") if now else None
    refused = why_promotion_refused(
        decision(**changes), champion=served, newest_approved=newest, evidence_hash=evidence
    )
    assert (refused is None) if words is None else (refused is not None and words in refused)


@pytest.mark.parametrize(
    ("source", "champion_is_real", "refused"),
    [
        pytest.param("REFERENCE", True, True, id="reference rows over real ones"),
        pytest.param("REFERENCE", False, False, id="reference rows over reference rows"),
        pytest.param("LOGGED", True, False, id="real rows over real ones"),
        pytest.param("INGESTED", False, False, id="real rows over reference rows"),
    ],
)
def test_reference_rows_never_promote_over_real_ones(
    source: str, champion_is_real: bool, refused: bool
) -> None:
    reason = why_promotion_refused(
        decision(evidence_source=source),
        champion=Served(1, "d"),
        newest_approved=7,
        evidence_hash="h",
        champion_is_real=champion_is_real,
    )
    assert reason == (
        "it was trained on reference rows, and version 1 on real ones: evaluate again on real rows"
        if refused
        else None
    )


@pytest.mark.parametrize(
    ("history", "good"),
    [
        pytest.param([], None, id="nothing was ever Production"),
        pytest.param([FIRST], None, id="there is only one"),
        pytest.param([FIRST, SECOND], 1, id="the one before"),
        pytest.param(
            [FIRST, SECOND, entry("INTENDED", before=2, after=3)],
            1,
            id="an intention changes nothing",
        ),
        pytest.param(
            [FIRST, SECOND, entry("REFUSED", before=2, after=3)], 1, id="nor does a refusal"
        ),
        pytest.param(
            [FIRST, SECOND, entry("ROLLED_BACK", before=2, after=3)],
            1,
            id="what replicas refused was never good",
        ),
        pytest.param(
            [FIRST, SECOND, THIRD, BACK], 1, id="what a rollback left is bad: one further back"
        ),
        pytest.param(
            [FIRST, SECOND, entry("DONE", before=2, after=1, action="ROLLBACK")],
            None,
            id="nothing good is left",
        ),
        pytest.param(
            [FIRST, SECOND, THIRD, BACK, entry("DONE", before=2, after=3)],
            2,
            id="promoted again is forgiven",
        ),
    ],
)
def test_the_last_good_version(history: list[LedgerEntry], good: int | None) -> None:
    entries = history[::-1]
    assert last_good(entries) == good
    assert (why_rollback_refused(entries, good) is None) == (good is not None)


@pytest.mark.parametrize(
    ("history", "version", "words"),
    [
        pytest.param([], 1, "nothing is Production yet", id="no champion"),
        pytest.param([FIRST], None, "no earlier version was good", id="nothing to go back to"),
        pytest.param([FIRST, SECOND], 2, "is Production already", id="the champion itself"),
        pytest.param([FIRST, SECOND], 7, "was never Production", id="a version that never served"),
        pytest.param(
            [FIRST, SECOND, THIRD, BACK], 3, "was rolled back before", id="what a rollback left"
        ),
        pytest.param([FIRST, SECOND, THIRD, BACK], 1, None, id="any good one"),
    ],
)
def test_why_production_may_not_go_back(
    history: list[LedgerEntry], version: int | None, words: str | None
) -> None:
    refused = why_rollback_refused(history[::-1], version)
    assert (refused is None) if words is None else (refused is not None and words in refused)


def test_a_promotion_is_named_by_its_decision() -> None:
    assert promotion_id("fraud", 7) == promotion_id("fraud", 7)
    assert promotion_id("fraud", 7) != promotion_id("loan", 7)
