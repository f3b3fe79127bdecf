"""The heartbeat: what a replica serves is known to promotions, and forgotten when it stops."""

from __future__ import annotations

import time

import msgspec
import psycopg
import pytest

from pipelines.stores.database import connect
from pipelines.stores.ledger import ReplicaStore
from serving.background import heartbeat
from serving.background.heartbeat import Heartbeat
from serving.background.quality_counts import QualityReporter
from serving.model.served_model import load
from tests.integration.server import until
from tests.unit.serving import made

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'sixgate' AND pid <> pg_backend_pid() AND datname = current_database()"
)


@pytest.fixture
def replicas(settings):
    with connect(settings, autocommit=True) as connection:
        yield ReplicaStore(connection)


def beat_of(service, **settings):
    return Heartbeat(
        settings=service.settings.model_copy(update=settings),
        replica="one",
        scorers=lambda: service.scorers,
        drift=service.drift,
    )


@pytest.fixture
def beat(service):
    """A running heartbeat, stopped at the end."""
    beat = beat_of(service)
    beat.start()
    yield beat
    beat.stop()


def test_a_replica_is_reported_at_once_and_forgotten_when_it_stops(beat, replicas):
    until(lambda: replicas.live("fraud"), "the replica is reported")
    (replica,) = replicas.live("fraud")
    assert (replica.replica, replica.version, replica.error) == ("one", 1, None)
    assert replica.digest == made.served(made.files()).digest
    assert replica.loaded_at < replica.seen_at
    beat.stop()
    assert not beat.is_alive()
    assert replicas.live("fraud") == []


def test_a_change_is_reported_without_waiting_for_the_next_beat(
    service, beat, replicas, monkeypatch
):
    monkeypatch.setattr(heartbeat, "BEAT", 60.0)
    until(lambda: replicas.live("fraud"), "the replica is reported")
    (scorer,) = service.scorers
    files = made.files(bias=1)
    scorer.model = load(files, made.served(files, 2), made.FRAUD)
    scorer.error = "version 3 can't be served"
    while not (live := replicas.live("fraud")) or live[0].version != 2:
        beat.now()
    assert live[0].error == "version 3 can't be served"


def test_a_replica_without_a_model_is_reported_with_its_reason(service, replicas):
    (scorer,) = service.scorers
    scorer.model = None
    scorer.error = "the model registry is not reachable"
    beat = beat_of(service)
    beat.start()
    until(lambda: replicas.live("fraud"), "the replica is reported")
    (replica,) = replicas.live("fraud")
    assert (replica.version, replica.digest, replica.loaded_at) == (None, None, None)
    assert replica.error == "the model registry is not reachable"
    beat.stop()


def test_a_connection_that_breaks_is_made_again(beat, replicas, database, monkeypatch):
    monkeypatch.setattr(heartbeat, "RETRY", 0.05)
    until(lambda: replicas.live("fraud"), "the replica is reported")
    (before,) = replicas.live("fraud")
    database.execute(TERMINATE + " AND pid <> %s", (replicas._connection.info.backend_pid,))

    def reported_again():
        beat.now()
        return replicas.live("fraud")[0].seen_at > before.seen_at

    until(reported_again, "the replica is reported again")


def test_without_a_database_the_fault_is_logged_once_and_the_thread_stops(
    service, monkeypatch, caplog
):
    monkeypatch.setattr(heartbeat, "RETRY", 0.01)
    attempts = []
    log_once = Heartbeat._log_once

    def counted(self, fault):
        attempts.append(fault)
        log_once(self, fault)

    monkeypatch.setattr(Heartbeat, "_log_once", counted)
    beat = beat_of(service, database_url="postgresql://nobody:x@127.0.0.1:1/nothing")
    beat.start()
    until(lambda: len(attempts) > 3, "it is tried again")
    beat.stop()
    assert not beat.is_alive()
    records = [record.getMessage() for record in caplog.records]
    assert sum("can't record the heartbeat" in message for message in records) == 1


def stored_counts(settings):
    with connect(settings, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT field, treatment, sum(n)::int AS n FROM quality_counts"
            " WHERE field LIKE 'test.%' GROUP BY 1, 2"
        ).fetchall()
        return {(row["field"], row["treatment"]): row["n"] for row in rows}


def forget_counts(settings):
    with connect(settings, autocommit=True) as connection:
        connection.execute("TRUNCATE quality_counts")


def test_counts_of_values_are_stored_once_also_those_of_a_replaced_decoder(
    service, settings, monkeypatch
):
    forget_counts(settings)
    monkeypatch.setattr(heartbeat, "BEAT", 0.05)
    (scorer,) = service.scorers
    beat = beat_of(service)
    beat.start()
    scorer.refused_rows["test.amount", "refused"] += 3
    until(lambda: stored_counts(settings) == {("test.amount", "refused"): 3}, "counts are stored")
    scorer.refused_rows["test.amount", "refused"] += 2
    scorer.accept(scorer.contract)
    scorer.refused_rows["test.amount", "refused"] += 1
    scorer.refused_labels["test.label", "refused"] += 1
    beat.stop()
    assert stored_counts(settings) == {
        ("test.amount", "refused"): 6,
        ("test.label", "refused"): 1,
    }


def test_counts_are_kept_while_the_database_is_away(service, settings, monkeypatch):
    forget_counts(settings)
    monkeypatch.setattr(heartbeat, "RETRY", 0.05)
    (scorer,) = service.scorers
    reporter = QualityReporter()
    scorer.refused_rows["test.amount", "refused"] += 3
    with connect(settings, autocommit=True) as connection:
        connection.close()
        with pytest.raises(psycopg.Error):
            reporter.send(connection, service.scorers)
    scorer.refused_rows["test.amount", "refused"] += 1
    with connect(settings, autocommit=True) as connection:
        reporter.send(connection, service.scorers)
        reporter.send(connection, service.scorers)
    assert stored_counts(settings) == {("test.amount", "refused"): 4}


def test_a_use_case_whose_promotions_are_not_followed_says_so_in_its_report_and_once_in_the_log(
    service, beat, replicas, monkeypatch, caplog
):
    until(lambda: replicas.live("fraud"), "the replica is reported")
    (scorer,) = service.scorers
    monkeypatch.setattr(heartbeat, "BEAT", 0.05)
    scorer.followed_at -= heartbeat.UNFOLLOWED

    def error():
        beat.now()
        return replicas.live("fraud")[0].error

    until(lambda: "not looked for" in (error() or ""), "the report says so")
    seen_at = replicas.live("fraud")[0].seen_at
    until(lambda: replicas.live("fraud")[0].seen_at > seen_at, "it is reported again")
    assert caplog.text.count("promotions were not looked for") == 1
    scorer.followed_at = time.monotonic()
    until(lambda: error() is None, "it is followed again")


def test_a_use_case_that_is_added_is_reported_and_its_counts_are_stored(
    service, settings, beat, replicas, monkeypatch
):
    forget_counts(settings)
    monkeypatch.setattr(heartbeat, "BEAT", 0.05)
    (scorer,) = service.scorers
    contract = msgspec.structs.replace(made.FRAUD, use_case="loans")
    added = service._make_scorer(contract, [])
    service.use_cases.scorers = (scorer, added)
    beat.now()
    until(lambda: replicas.live("loans"), "it is reported")
    added.refused_rows["test.amount", "refused"] += 3
    until(lambda: stored_counts(settings) == {("test.amount", "refused"): 3}, "they are stored")
