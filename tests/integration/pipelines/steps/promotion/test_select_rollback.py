"""Which version a rollback returns to, and why."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from pipelines.context import Context
from pipelines.errors import PromotionRefused, StepSkipped
from pipelines.rules.promotion.ledger import Served
from pipelines.steps import perform
from pipelines.steps.promotion.select_rollback import BY_GUARD
from tests.integration.logged import rewrite
from tests.integration.server import Database, enter


@pytest.fixture(autouse=True)
def without_promotions(wired: Context) -> None:
    rewrite(wired.connection, "TRUNCATE promotions CASCADE")


def served(version: int) -> Served:
    return Served(version, f"{version}" * 64)


def promoted(database: Database, *versions: int) -> None:
    """Versions became Production one after another."""
    before = None
    for version in versions:
        enter(database, uuid4(), "DONE", served(version), before)
        before = served(version)


def select(
    wired: Context, *, trigger: str = "manual", person: str | None = "ana", **params: Any
) -> dict[str, Any]:
    asked = replace(wired, trigger=trigger, requested_by=person, params=params)
    return dict(perform("select_rollback", asked))


def test_without_a_version_the_last_good_one_is_selected(
    wired: Context, database: Database
) -> None:
    promoted(database, 1, 2, 3)
    assert select(wired) == {"version": 2, "from_version": 3, "reason": "requested by ana"}


def test_a_version_that_replicas_could_not_serve_is_left_out(
    wired: Context, database: Database
) -> None:
    promoted(database, 1, 2, 3)
    enter(database, uuid4(), "ROLLED_BACK", served(2), served(3))
    assert select(wired)["version"] == 1


def test_a_person_names_version_and_reason(wired: Context, database: Database) -> None:
    promoted(database, 1, 2, 3)
    selected = select(wired, version=1, reason=" it misses half ")
    assert (selected["version"], selected["reason"]) == (1, "it misses half")
    assert select(wired, person=None)["reason"] == "requested by an unknown person"


@pytest.mark.parametrize(
    ("versions", "params", "message"),
    [
        pytest.param((), {}, "nothing is Production yet", id="before the first promotion"),
        pytest.param((1,), {}, "no earlier version was good", id="there is one version only"),
        pytest.param((1, 2), {"version": 2}, "is Production already", id="the champion itself"),
        pytest.param((1, 2), {"version": 9}, "was never Production", id="an untried version"),
    ],
)
def test_a_rollback_to_no_former_champion_is_refused(
    wired: Context,
    database: Database,
    versions: tuple[int, ...],
    params: dict[str, Any],
    message: str,
) -> None:
    promoted(database, *versions)
    with pytest.raises(PromotionRefused, match=f"fraud was not rolled back: .*{message}"):
        select(wired, **params)


def test_the_guard_s_reason_is_what_it_observed(wired: Context, database: Database) -> None:
    promoted(database, 1, 2)
    wired.alerts.raise_("fraud", cause="guard", severity="SEVERE", message="version 2 finds less")
    selected = select(wired, trigger="asset_triggered")
    assert selected["reason"] == f"{BY_GUARD}: version 2 finds less"


def test_a_second_run_that_the_guard_started_finds_the_rollback_done(
    wired: Context, database: Database
) -> None:
    promoted(database, 1, 2)
    rewrite(wired.connection, "UPDATE promotions SET action = 'ROLLBACK' WHERE to_version = 2")
    with pytest.raises(StepSkipped, match="the champion was already rolled back"):
        select(wired, trigger="asset_triggered")
