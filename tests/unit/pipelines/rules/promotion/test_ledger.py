"""What the ledger lets a server serve, and which version is the champion."""

import pytest

from pipelines.records import LedgerEntry
from pipelines.rules.promotion.ledger import Served, champion, entry_of_champion, may_serve
from tests.unit.pipelines.rules.promotion.ledger_entries import BACK, FIRST, SECOND, THIRD, entry


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


@pytest.mark.parametrize(
    ("entries", "made_it"),
    [
        pytest.param([], None, id="nothing was ever promoted"),
        pytest.param([SECOND, FIRST], SECOND, id="the newest promotion"),
        pytest.param([BACK, THIRD, SECOND, FIRST], BACK, id="a rollback, not the first promotion"),
        pytest.param(
            [entry("INTENDED", before=2, after=3), SECOND, FIRST],
            SECOND,
            id="a promotion that is not done counts not yet",
        ),
        pytest.param(
            [entry("ROLLED_BACK", before=2, after=3), SECOND, FIRST],
            SECOND,
            id="a promotion that replicas could not serve changes nothing",
        ),
        pytest.param(
            [entry("ROLLED_BACK", before=2, after=3)],
            None,
            id="the entry is older than the entries that were read",
        ),
    ],
)
def test_the_entry_that_made_the_champion(
    entries: list[LedgerEntry], made_it: LedgerEntry | None
) -> None:
    assert entry_of_champion(entries) == made_it
