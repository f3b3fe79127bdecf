"""Which model serves as alias and ledger move; the stores are fakes, the models are real."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from pipelines.records import LedgerEntry
from pipelines.rules.promotion.ledger import Served
from serving.background.model_watcher import ModelWatcher
from serving.model.model_cache import ModelCache
from serving.model.registry import FolderRegistry
from tests.unit.serving import made

BIASES = {1: -2.0, 2: 2.0, 9: 9.0}
SERVED = {version: made.served(made.files(bias=bias), version) for version, bias in BIASES.items()}
AT = datetime(2026, 1, 5, tzinfo=UTC)


class World:
    """A folder registry, the newest ledger row, and the open alerts."""

    def __init__(self, bare: Any) -> None:
        self.service = bare
        self.root = bare.settings.home / "registry"
        for version, bias in BIASES.items():
            made.put(self.root, "fraud", version, made.files(bias=bias))
        (self.scorer,) = bare.scorers
        self.watcher = self.new_watcher()
        self.row: LedgerEntry | None = None
        self.alerts: list[str] = []

    def new_watcher(self) -> ModelWatcher:
        return ModelWatcher(
            scorer=self.scorer,
            registry=FolderRegistry(self.root),
            cache=ModelCache(self.service.settings.home / "models"),
            metrics=self.service.metrics,
            changed=lambda: None,
        )

    def newest(self, use_case: str) -> LedgerEntry | None:
        return self.row

    def raise_(self, use_case: str, *, cause: str, severity: str, message: str) -> None:
        self.alerts.append(message)

    def resolve(self, use_case: str, cause: str, reason: str) -> None:
        assert reason
        self.alerts.clear()

    def alias(self, version: int) -> None:
        """Move the alias."""
        made.point(self.root, "fraud", version)

    def ledger(
        self, number: int, state: str, target: Served, *, source: Served | None = None
    ) -> None:
        """Replace the newest ledger row."""
        self.row = LedgerEntry(
            id=number,
            promotion_id=UUID(int=number),
            use_case="fraud",
            from_version=source and source.version,
            from_digest=source and source.digest,
            to_version=target.version,
            to_digest=target.digest,
            action="PROMOTE",
            state=state,
            actor="test",
            reason="",
            decision_id=None,
            evidence_hash=None,
            at=AT,
        )

    def check(self, times: int = 2) -> int | None:
        """Check some times, and return the version that serves then."""
        for _ in range(times):
            self.watcher.check(self, self)  # type: ignore[arg-type]
        model = self.scorer.model
        return model.served.version if model else None

    def restart(self) -> None:
        """Forget the model and everything that the watcher has seen."""
        self.scorer.model = None
        self.watcher = self.new_watcher()


@pytest.fixture
def world(bare):
    return World(bare)


@pytest.fixture
def serving(world):
    """Version 1 was promoted and serves."""
    world.alias(1)
    world.ledger(1, "DONE", SERVED[1])
    assert world.check() == 1
    return world


def test_nothing_serves_before_the_first_promotion(world):
    assert world.check() is None
    assert world.alerts == []
    assert world.scorer.error is None


def test_a_first_promotion_serves_once_its_alias_has_moved(world):
    world.ledger(1, "INTENDED", SERVED[1])
    assert world.check() is None
    assert world.alerts == []
    world.alias(1)
    assert world.check() == 1


def test_a_version_of_an_older_release_and_of_an_ended_contract_serves_by_the_recorded_one(world):
    ended = msgspec.structs.replace(made.FRAUD, features=made.FRAUD.features[:3], derived=())
    files = made.files(ended, old=True)
    made.put(world.root, "fraud", 5, files)
    served = made.served(files, 5)
    world.alias(5)
    world.ledger(5, "DONE", served)
    assert world.check() is None
    assert f"trained under the contract {ended.hash}" in world.scorer.error
    world.watcher.hurry()
    world.watcher.check(world, world, {ended.hash: ended}.get)
    assert world.scorer.model.served == served
    assert world.scorer.model.contract == ended


def test_a_start_during_a_promotion_serves_the_champion_that_the_row_names(world):
    world.alias(1)
    world.ledger(1, "INTENDED", SERVED[2], source=SERVED[1])
    assert world.check() == 1
    assert world.alerts == []
    world.alias(2)
    assert world.check() == 2


def test_an_alias_that_the_ledger_does_not_name_raises_an_alert_at_the_second_check(serving):
    serving.alias(9)
    assert serving.check(times=1) == 1
    assert serving.alerts == []
    assert serving.check() == 1
    assert len(serving.alerts) == 1
    serving.alias(1)
    assert serving.check() == 1
    assert serving.alerts == []
    assert serving.scorer.error is None


def test_a_restart_under_an_alias_moved_by_hand_serves_the_ledgers_version_from_disk(serving):
    serving.alias(9)
    serving.restart()
    assert serving.check() == 1
    assert len(serving.alerts) == 1


def test_an_alias_that_lags_behind_a_new_row_is_waited_for(serving):
    serving.ledger(2, "DONE", SERVED[2], source=SERVED[1])
    assert serving.check(times=3) == 1
    assert serving.alerts == []
    assert serving.watcher.settling


def test_a_first_promotion_that_is_rolled_back_leaves_no_model(world):
    world.alias(1)
    world.ledger(1, "INTENDED", SERVED[1])
    assert world.check() == 1
    (world.root / "fraud" / "production").unlink()
    world.ledger(2, "ROLLED_BACK", SERVED[1])
    assert world.check() is None


def test_without_a_registry_the_model_stays_in_service_and_the_fault_is_reported(serving):
    serving.root.rename(serving.root.with_name("moved"))
    serving.ledger(2, "DONE", SERVED[2], source=SERVED[1])
    assert serving.check() == 1
    assert "registry is not reachable" in serving.scorer.error


def test_without_a_database_the_last_model_serves_again(serving):
    serving.scorer.model = None
    serving.watcher.without_database()
    assert serving.scorer.model is not None
    assert serving.scorer.model.served == SERVED[1]


def test_the_scorer_says_whether_a_version_is_in_production(world):
    assert world.scorer.in_production is None
    world.check()
    assert world.scorer.in_production is False
    world.ledger(1, "INTENDED", SERVED[1])
    world.alias(1)
    assert world.check() == 1
    assert world.scorer.in_production is False
    world.ledger(2, "DONE", SERVED[1])
    world.check()
    assert world.scorer.in_production is True
    world.root.rename(world.root.with_name("moved"))
    world.ledger(3, "ROLLED_BACK", SERVED[1])
    world.check()
    assert world.scorer.in_production is False


def test_a_check_that_fails_leaves_the_time_of_the_last_one(world, monkeypatch):
    world.check()
    before = world.scorer.followed_at

    def away(use_case):
        raise RuntimeError("so")

    monkeypatch.setattr(world, "newest", away)
    with pytest.raises(RuntimeError, match="so"):
        world.check()
    assert world.scorer.followed_at == before
    world.watcher.without_database()
    assert world.scorer.followed_at > before
