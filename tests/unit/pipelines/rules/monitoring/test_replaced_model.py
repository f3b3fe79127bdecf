"""An alert about a model ends when another model is Production, and never otherwise."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.records import LedgerEntry
from pipelines.rules.monitoring.replaced_model import newest_done, why_resolved
from tests.unit.pipelines.rules.monitoring.alerts import alert_about
from tests.unit.pipelines.rules.promotion.ledger_entries import entry

PROMOTED = replace(entry("DONE", after=2, before=1), decision_id=4)
ROLLED_BACK = replace(
    entry("DONE", after=1, before=2, action="ROLLBACK"), actor="ann", decision_id=None
)


@pytest.mark.parametrize(
    ("model_version", "newest", "reason"),
    [
        pytest.param(1, PROMOTED, "version 2 replaced version 1 (decision 4)", id="a promotion"),
        pytest.param(2, ROLLED_BACK, "version 1 replaced version 2 (rollback by ann)", id="back"),
        pytest.param(2, PROMOTED, None, id="the model serves"),
        pytest.param(None, PROMOTED, None, id="the alert is about the traffic"),
        pytest.param(1, None, None, id="nothing was promoted yet"),
    ],
)
def test_why_an_alert_ends(
    model_version: int | None, newest: LedgerEntry | None, reason: str | None
) -> None:
    assert why_resolved(alert_about(model_version), newest) == reason


@pytest.mark.parametrize(
    ("states", "version"),
    [
        pytest.param(["DONE"], 0, id="the only promotion"),
        pytest.param(["INTENDED", "DONE"], 1, id="one that is under way does not count"),
        pytest.param(["REFUSED", "REFUSED", "DONE"], 2, id="nor do refused ones"),
        pytest.param(["ROLLED_BACK", "INTENDED", "DONE"], 2, id="nor one that failed"),
        pytest.param(["DONE", "INTENDED", "DONE"], 0, id="the newest of several"),
    ],
)
def test_the_model_in_production_is_that_of_the_newest_finished_entry(
    states: list[str], version: int
) -> None:
    entries = [entry(state, after=place) for place, state in enumerate(states)]
    newest = newest_done(entries)
    assert newest is not None and newest.to_version == version
    assert newest_done([one for one in entries if one.state != "DONE"]) is None


@given(st.none() | st.integers(1, 9), st.integers(1, 9))
def test_an_alert_stays_open_exactly_while_its_model_serves(
    model_version: int | None, serving: int
) -> None:
    newest = entry("DONE", after=serving)
    stays = why_resolved(alert_about(model_version), newest) is None
    assert stays == (model_version in (None, serving))
