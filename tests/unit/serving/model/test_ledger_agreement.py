"""The ledger's rule: which targets of the alias may serve."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from pipelines.records import LedgerEntry
from pipelines.rules.promotion.ledger import Served
from serving.model.ledger_agreement import allowed_targets, disagreement, in_production

ONE = Served(1, "one")
TWO = Served(2, "two")


def entry(state: str, *, source: Served | None = ONE) -> LedgerEntry:
    return LedgerEntry(
        id=1,
        promotion_id=UUID(int=1),
        use_case="fraud",
        from_version=source and source.version,
        from_digest=source and source.digest,
        to_version=2,
        to_digest="two",
        action="PROMOTE",
        state=state,
        actor="test",
        reason="",
        decision_id=None,
        evidence_hash=None,
        at=datetime(2026, 1, 5, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        pytest.param(None, {None: None}, id="an empty ledger allows no alias"),
        pytest.param(
            entry("INTENDED"), {1: ONE, 2: TWO}, id="while intended, source and target are allowed"
        ),
        pytest.param(
            entry("INTENDED", source=None),
            {None: None, 2: TWO},
            id="a first promotion has no source",
        ),
        pytest.param(entry("DONE"), {2: TWO}, id="once done, the target only"),
        pytest.param(entry("ROLLED_BACK"), {1: ONE}, id="rolled back, the source only"),
        pytest.param(
            entry("ROLLED_BACK", source=None), {None: None}, id="a first one rolled back, nothing"
        ),
    ],
)
def test_targets_that_the_newest_row_allows(newest, expected):
    assert allowed_targets(newest) == expected


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        pytest.param(None, False, id="an empty ledger"),
        pytest.param(entry("INTENDED", source=None), False, id="a first promotion is under way"),
        pytest.param(entry("INTENDED"), True, id="the source of a promotion under way"),
        pytest.param(entry("DONE"), True, id="a promotion is done"),
        pytest.param(entry("ROLLED_BACK"), True, id="the source after a rollback"),
        pytest.param(entry("ROLLED_BACK", source=None), False, id="a first one is rolled back"),
        pytest.param(entry("REFUSED"), False, id="a refused promotion"),
    ],
)
def test_whether_a_version_is_in_production(newest, expected):
    assert in_production(newest) == expected


def test_a_disagreement_names_both_sides_and_the_remedy():
    message = disagreement("fraud", entry("DONE"), 7)
    assert "version 7" in message
    assert "version 2" in message
    assert "move the alias back" in message
