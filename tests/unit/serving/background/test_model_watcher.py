"""What serves, as alias and ledger move; the stores are stood in for, the models are real."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from pipelines.records import LedgerEntry
from pipelines.rules.promotion.ledger import Served
from serving.background.model_watcher import ModelWatcher
from serving.model.model_cache import ModelCache
from serving.model.registry import FolderRegistry
from tests.unit.serving import made

BIASES = {1: -2.0, 2: 2.0, 9: 9.0}
SERVED = {version: made.served(made.files(bias=bias), version) for version, bias in BIASES.items()}


class World:
    """A registry's folder, the newest ledger row, and what was alerted."""

    def __init__(self, bare: Any) -> None:
        self.root = bare.settings.home / "registry"
        for version, bias in BIASES.items():
            made.put(self.root, "fraud", version, made.files(bias=bias))
        self.scorer = next(scorer for scorer in bare.scorers if scorer.use_case == "fraud")
        cache = ModelCache(bare.settings.home / "models")
        self.watch = ModelWatcher(
            self.scorer, FolderRegistry(self.root), cache, bare.metrics, lambda: None
        )
        self.row: LedgerEntry | None = None
        self.alerts: list[str] = []

    def newest(self, use_case: str) -> LedgerEntry | None:
        return self.row

    def raise_(self, use_case: str, *, cause: str, severity: str, message: str) -> None:
        self.alerts.append(message)

    def resolve(self, use_case: str, cause: str) -> None:
        self.alerts.clear()

    def ledger(self, number: int, state: str, to: Served, before: Served | None = None) -> None:
        self.row = LedgerEntry(
            id=number, promotion_id=UUID(int=number), use_case="fraud", from_version=before and before.version,
            from_digest=before and before.digest, to_version=to.version, to_digest=to.digest, action="PROMOTE", state=state,
            actor="test", reason="", decision_id=None, evidence_hash=None, at=datetime(2026, 1, 5, tzinfo=UTC),
        )  # fmt: skip

    def check(self, times: int = 2) -> int | None:
        """Look a few times and say which version serves then."""
        for _ in range(times):
            self.watch.check(self, self)  # type: ignore[arg-type]
        return self.scorer.model.served.version if self.scorer.model else None


@pytest.fixture
def world(bare):
    return World(bare)


def test_nothing_serves_before_the_first_promotion(world):
    assert world.check() is None and world.alerts == [] and world.scorer.error is None


def test_a_first_promotion_serves_once_its_alias_has_moved(world):
    world.ledger(1, "INTENDED", SERVED[1])
    assert world.check() is None and world.alerts == []
    made.point(world.root, "fraud", 1)
    assert world.check() == 1


def test_a_start_in_the_middle_of_a_promotion_serves_the_champion_that_the_row_names(world):
    made.point(world.root, "fraud", 1)
    world.ledger(1, "INTENDED", SERVED[2], SERVED[1])
    assert world.check() == 1 and world.alerts == []
    made.point(world.root, "fraud", 2)
    assert world.check() == 2


def test_an_alias_that_the_ledger_does_not_name_is_alerted_to_when_seen_twice(world):
    made.point(world.root, "fraud", 1)
    world.ledger(1, "DONE", SERVED[1])
    assert world.check() == 1
    made.point(world.root, "fraud", 9)
    assert world.check(times=1) == 1 and world.alerts == []
    assert world.check() == 1 and len(world.alerts) == 1
    made.point(world.root, "fraud", 1)
    assert world.check() == 1 and world.alerts == [] and world.scorer.error is None


def test_a_restart_under_an_alias_moved_by_hand_serves_what_the_ledger_names_from_disk(world, bare):
    made.point(world.root, "fraud", 1)
    world.ledger(1, "DONE", SERVED[1])
    assert world.check() == 1
    made.point(world.root, "fraud", 9)
    world.scorer.model = None
    world.watch = ModelWatcher(
        world.scorer,
        FolderRegistry(world.root),
        ModelCache(bare.settings.home / "models"),
        bare.metrics,
        lambda: None,
    )
    assert world.check() == 1 and len(world.alerts) == 1


def test_an_alias_that_lags_behind_a_new_row_is_waited_for(world):
    made.point(world.root, "fraud", 1)
    world.ledger(1, "DONE", SERVED[1])
    world.check()
    world.ledger(2, "DONE", SERVED[2], SERVED[1])
    assert world.check(times=3) == 1 and world.alerts == [] and world.watch.settling


def test_a_first_promotion_taken_back_leaves_nothing_to_serve(world):
    made.point(world.root, "fraud", 1)
    world.ledger(1, "INTENDED", SERVED[1])
    assert world.check() == 1
    (world.root / "fraud" / "production").unlink()
    world.ledger(2, "ROLLED_BACK", SERVED[1])
    assert world.check() is None


def test_while_the_registry_is_away_what_serves_stays_and_says_so(world):
    made.point(world.root, "fraud", 1)
    world.ledger(1, "DONE", SERVED[1])
    world.check()
    world.root.rename(world.root.with_name("away"))
    world.ledger(2, "DONE", SERVED[2], SERVED[1])
    assert world.check() == 1 and "registry is not reachable" in world.scorer.error


def test_without_a_database_the_last_model_serves_again(world, bare):
    made.point(world.root, "fraud", 1)
    world.ledger(1, "DONE", SERVED[1])
    world.check()
    world.scorer.model = None
    world.watch.without_database()
    assert world.scorer.model is not None and world.scorer.model.served == SERVED[1]
