"""What the ledger lets a server serve, and which version is the champion."""

import pytest

from pipelines.records import LedgerEntry
from pipelines.rules.promotion.ledger import Served, champion, may_serve
from tests.unit.pipelines.rules.promotion.ledger_entries import entry


@pytest.mark.parametrize(
    ("newest", "served"),
    [
        pytest.param(None, None, id="nothing was ever promoted"),
        pytest.param(
            entry("INTENDED"),
            Served(2, "d2"),
            id="an intention may be served, so that it can be acknowledged",
        ),
        pytest.param(entry("DONE"), Served(2, "d2"), id="done"),
        pytest.param(entry("ROLLED_BACK"), Served(1, "d1"), id="rolled back"),
        pytest.param(
            entry("ROLLED_BACK", before=None), None, id="rolled back, with no earlier version"
        ),
    ],
)
def test_what_may_be_served(newest: LedgerEntry | None, served: Served | None) -> None:
    assert may_serve(newest) == served


def test_the_champion_is_the_newest_settled_entry() -> None:
    assert champion(
        [entry("INTENDED", before=2, after=3), entry("REFUSED", after=4), entry("DONE")]
    ) == Served(2, "d2")
    assert champion([entry("INTENDED")]) is None
