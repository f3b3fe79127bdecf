"""The reloader: promotions and alerts that the database announces are followed at once."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

import psycopg
import pytest

from pipelines.rules.promotion.ledger import Served
from serving.background import reloader
from serving.background.contract_watcher import ContractWatcher
from serving.background.model_watcher import ModelWatcher
from serving.background.reloader import Reloader
from serving.background.watchers import UseCaseWatchers
from serving.model.model_cache import ModelCache
from serving.model.registry import FolderRegistry
from tests.integration.logged import rewrite
from tests.integration.server import enter, open_alerts, promote, until
from tests.unit.serving import made


@pytest.fixture
def world(service, settings, database):
    """A service whose reloader is not started yet; `events` holds what the live feed publishes."""
    rewrite(database, "TRUNCATE promotions, monitoring_alerts CASCADE")
    (scorer,) = service.scorers
    scorer.model = None
    events = []
    scorer.live.publish = events.append
    watcher = ModelWatcher(
        scorer=scorer,
        registry=FolderRegistry(settings.model_folder),
        cache=ModelCache(settings.home / "cache"),
        metrics=service.metrics,
        changed=lambda: None,
    )
    settings.model_folder.mkdir()
    return SimpleNamespace(
        scorer=scorer,
        watchers=UseCaseWatchers(watcher, ContractWatcher(scorer, service, lambda: None)),
        events=events,
        settings=settings,
        server=SimpleNamespace(models=settings.model_folder),
        database=database,
    )


@pytest.fixture
def running(world, monkeypatch):
    """The world with a running reloader that polls so seldom that only announcements count."""
    monkeypatch.setattr(reloader, "POLL", 60.0)
    thread = Reloader(world.settings, lambda: [world.watchers])
    thread.start()
    until(lambda: world.scorer.looked_up, "ledger and alias are read")
    yield world
    thread.stop()
    assert not thread.is_alive()


def version(world):
    return world.scorer.model.served.version if world.scorer.model else None


def test_a_promotion_that_is_announced_is_followed_at_once(running):
    for number in (1, 2):
        promote(running.server, running.database, number, bias=number)
        until(lambda number=number: version(running) == number, "it serves")
    reloads = [(event.former_version, event.model_version) for event in running.events]
    assert reloads == [(None, 1), (1, 2)]


def test_a_promotion_that_is_taken_back_brings_the_former_model_back(running):
    first = promote(running.server, running.database, 1, bias=-2)
    until(lambda: version(running) == 1, "version 1 serves")
    files = made.files(bias=5)
    second = made.served(files, 5)
    promotion = uuid4()
    made.put(running.server.models, "fraud", 5, files)
    enter(running.database, promotion, "INTENDED", second, first)
    made.point(running.server.models, "fraud", 5)
    until(lambda: version(running) == 5, "version 5 serves")
    enter(running.database, promotion, "ROLLED_BACK", second, first)
    made.point(running.server.models, "fraud", 1)
    until(lambda: version(running) == 1, "version 1 serves again")
    assert open_alerts(running.database) == 0


def test_a_model_that_is_not_what_the_ledger_names_does_not_serve_and_opens_an_alert(running):
    promote(running.server, running.database, 1, bias=-2)
    until(lambda: version(running) == 1, "version 1 serves")
    promote(running.server, running.database, 3, bias=3, digest="0" * 64)
    until(lambda: open_alerts(running.database, "model_refused") == 1, "an alert is open")
    assert version(running) == 1
    assert "digest" in running.scorer.error
    promote(running.server, running.database, 4, bias=4)
    until(lambda: version(running) == 4, "a complete version serves")
    until(lambda: open_alerts(running.database, "model_refused") == 0, "the alert is resolved")
    assert running.scorer.error is None


def test_alerts_are_published_to_the_use_case_that_they_are_about(running):
    insert = (
        "INSERT INTO monitoring_alerts (use_case, cause, severity, message)"
        " VALUES (%s, 'drift', 'WARNING', 'amount') RETURNING id"
    )
    running.database.execute(insert, ("loans",))
    (alert_id,) = running.database.execute(insert, ("fraud",)).fetchone()
    until(lambda: running.events, "the alert is published")
    (event,) = running.events
    assert (event.id, event.cause, event.severity, event.state) == (
        alert_id,
        "drift",
        "WARNING",
        "OPEN",
    )


@pytest.mark.parametrize("payload", ["", "no number", "999999999999", "-1"])
def test_an_announcement_that_names_no_alert_is_ignored(running, payload):
    running.database.execute("SELECT pg_notify('sixgate_alerts', %s)", (payload,))
    promote(running.server, running.database, 1, bias=1)
    until(lambda: version(running) == 1, "promotions are followed after it")
    assert [type(event).__name__ for event in running.events] == ["LiveReload"]


def test_without_a_database_the_last_model_serves_until_the_database_is_back(
    world, settings, monkeypatch, caplog
):
    monkeypatch.setattr(reloader, "POLL", 0.05)
    files = made.files(bias=1)
    ModelCache(settings.home / "cache").put(Served(7, made.served(files).digest), files)
    away = settings.model_copy(update={"database_url": "postgresql://x:x@127.0.0.1:1/nothing"})
    thread = Reloader(away, lambda: [world.watchers])
    thread.start()
    until(lambda: version(world) == 7, "the last model serves")
    assert "can't follow promotions: " in caplog.text
    thread._settings = settings  # the database is back, and its ledger names no version
    until(lambda: version(world) is None, "the ledger is followed again")
    thread.stop()


def test_a_fault_of_one_use_case_does_not_stop_the_others(world, monkeypatch):
    class Broken:
        use_case = "loans"
        settling = False
        message = ""

        def check(self, ledger, alerts, recorded):
            raise RuntimeError("so")

        def fault(self, message):
            self.message = message

        def hurry(self):
            pass

    broken = Broken()
    both = [UseCaseWatchers(broken, world.watchers.contract), world.watchers]
    thread = Reloader(world.settings, lambda: both)
    thread.start()
    promote(world.server, world.database, 1, bias=1)
    until(lambda: version(world) == 1, "fraud is served")
    assert broken.message == "can't follow promotions: RuntimeError('so')"
    thread.stop()


def test_a_use_case_that_is_added_while_it_waits_is_followed(world, service, monkeypatch):
    monkeypatch.setattr(reloader, "POLL", 0.5)
    served = []
    thread = Reloader(world.settings, lambda: served)
    thread.start()
    promote(world.server, world.database, 1, bias=1)
    served.append(world.watchers)
    until(lambda: version(world) == 1, "it is loaded")
    thread.stop()


def test_a_lock_of_another_session_delays_neither_promotions_nor_other_use_cases(
    running, service, database_url
):
    promote(running.server, running.database, 1, bias=1)
    until(lambda: version(running) == 1, "version 1 serves")
    with psycopg.connect(database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('sixgate.contract.fraud'))")
        running.watchers.contract._recorded = False
        announce_contract(running)
        promote(running.server, running.database, 2, bias=2)
        until(lambda: version(running) == 2, "version 2 serves while the lock is held")
        fault = service.faults["fraud"]
        assert "can't be recorded in the database" in str(fault)

    def recorded():
        announce_contract(running)
        return not service.faults

    until(recorded, "the contract is recorded once the lock is free")


def announce_contract(world):
    world.database.execute("SELECT pg_notify('sixgate_contracts', 'fraud')")
