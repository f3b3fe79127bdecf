"""The shipper on a real database: every prediction is logged once, whatever fails meanwhile."""

from __future__ import annotations

import math

import pytest

from serving.background import shipper as module
from serving.background.shipper import Shipper, Syncer
from serving.journal.journal import Journal, JournalLine, JournalRow, read
from serving.journal.prediction_ids import datetime_of, now_ms, uuid7
from serving.metrics.metrics import Metrics
from tests.integration.server import logged, until

AWAY = {"database_url": "postgresql://x:x@127.0.0.1:1/nothing"}


@pytest.fixture
def journal(settings):
    journal = Journal(settings.home / "journal", "replica")
    yield journal
    journal.close()


@pytest.fixture
def shipper(settings, journal):
    shipper = Shipper(settings, journal, Metrics())
    yield shipper
    shipper._disconnect()


def append(journal, ids, transaction_ids=()):
    """Journal predictions in one line."""
    names = transaction_ids or ids
    rows = [
        JournalRow(
            prediction_id=each,
            transaction_id=name,
            features=[1.0, math.nan],
            score=0.5,
            predicted_label=1,
        )
        for each, name in zip(ids, names, strict=True)
    ]
    journal.append(
        JournalLine(
            scored_at=datetime_of(now_ms()),
            use_case="fraud",
            model_version=1,
            contract_hash="hash",
            threshold=0.5,
            replica="replica",
            rows=rows,
        )
    )


def shipped(shipper):
    """The count of the metric."""
    return shipper._metrics.shipped._value.get()


def test_predictions_are_logged_while_it_runs_and_the_rest_at_its_end(journal, shipper, database):
    first, rest = uuid7(now_ms(), 50), uuid7(now_ms(), 20)
    append(journal, first)
    shipper.start()
    until(lambda: logged(database, first) == 50, "the first are logged")
    append(journal, rest)
    shipper.stop()
    assert logged(database, rest) == 20
    assert (journal.size, journal.closed(), shipped(shipper)) == (0, [], 70)


def test_a_segment_that_is_shipped_twice_is_logged_once(journal, shipper, database, monkeypatch):
    """As after a kill between the commit and the deletion of the segment."""
    ids = uuid7(now_ms(), 3)
    append(journal, ids)
    with monkeypatch.context() as killed:
        killed.setattr(journal, "delete", lambda segment: None)
        assert shipper._ship_all()
    assert journal.closed()
    assert shipper._ship_all()
    assert journal.closed() == []
    assert logged(database, ids) == 3
    assert shipped(shipper) == 3


def test_what_the_table_refuses_is_set_aside_row_by_row_and_the_rest_is_logged(
    settings, journal, shipper, database
):
    ids = uuid7(now_ms(), 7)
    names = [f"no text\0{each}" if each == ids[3] else each for each in ids]
    append(journal, ids[:2])
    append(journal, ids[2:6], names[2:6])
    append(journal, ids[6:])
    journal.rotate()
    (segment,) = journal.closed()
    former = b'{"prediction_id": "of another version"}\n'
    content = segment.read_bytes() + former + b"no JSON\n"
    segment.write_bytes(content)
    assert shipper._ship_all()
    assert logged(database, ids) == 6
    assert logged(database, [ids[3]]) == 0
    refused = (settings.home / "journal/refused.jsonl").read_bytes().splitlines(keepends=True)
    assert [row.prediction_id for row in read(refused[0]).rows] == [ids[3]]
    assert refused[1:] == [former, b"no JSON\n"]
    assert journal.closed() == []


def test_while_the_database_is_away_the_journal_keeps_all_and_the_pause_grows(
    settings, journal, shipper, database, caplog
):
    ids = uuid7(now_ms(), 3)
    append(journal, ids)
    shipper._settings = settings.model_copy(update=AWAY)
    pauses = []
    for _ in range(6):
        assert not shipper._ship_all()
        pauses.append(shipper._pause)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert "can't ship predictions, retrying in 0.5 s: " in caplog.text
    shipper._settings = settings  # the database is back
    assert shipper._ship_all()
    assert shipper._pause == module.BEAT
    assert logged(database, ids) == 3


def test_at_its_end_it_does_not_wait_for_a_database_that_is_away(settings, journal, monkeypatch):
    monkeypatch.setattr(module, "DRAIN", 0.3)
    append(journal, uuid7(now_ms(), 3))
    shipper = Shipper(settings.model_copy(update=AWAY), journal, Metrics())
    shipper.start()
    shipper.stop()
    until(lambda: not shipper.is_alive(), "the thread has ended", seconds=5)
    assert journal.size > 0  # shipped at the next start


def test_the_syncer_syncs_what_was_appended_and_logs_a_fault_once(journal, monkeypatch, caplog):
    monkeypatch.setattr(module, "SYNC_EVERY", 0.01)
    syncs = []
    sync = journal.sync

    def failing():
        syncs.append(1)
        raise module.JournalFull("the disk failed")

    syncer = Syncer(journal)
    monkeypatch.setattr(journal, "sync", failing)
    append(journal, uuid7(now_ms(), 1))
    syncer.start()
    until(lambda: len(syncs) > 3, "it is tried again")
    monkeypatch.setattr(journal, "sync", sync)
    until(lambda: not journal._open.dirty, "the segment is synced")
    syncer.stop()
    assert not syncer.is_alive()
    assert caplog.text.count("the disk failed") == 1
