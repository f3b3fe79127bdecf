"""Data quality from a real database: labels without predictions, repeated ids and counts."""

from datetime import timedelta

import pytest

from pipelines.context import Context
from pipelines.rules.monitoring.data_quality import COMPARED, IDS, REPEATED
from pipelines.stores.quality import MOST_REPEATED, QualityStore
from tests.integration.logged import NOW, Log, rewrite

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
END = str(2**62)


@pytest.fixture
def store(wired: Context) -> QualityStore:
    return QualityStore(wired.connection)


def receive(wired: Context, log: Log, names: list[str], age: timedelta) -> None:
    """Post labels, some time ago."""
    log.label(names, 1)
    rewrite(
        wired.connection,
        "UPDATE label_store SET received_at = %s WHERE transaction_id = ANY(%s)",
        (NOW - age, names),
    )


def watermark(wired: Context) -> str:
    """The transaction id before which all predictions so far were logged."""
    row = wired.connection.execute(
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid"
    ).fetchone()
    assert row is not None
    return str(row["xid"])


def test_labels_older_than_a_day_without_a_prediction_are_counted(
    wired: Context, store: QualityStore
) -> None:
    log = Log(wired)
    names = log.ship(4, NOW - 3 * DAY)
    receive(wired, log, names, 2 * DAY)
    receive(wired, log, [" t-1 ", "T-2", "nothing"], 2 * DAY)
    receive(wired, log, ["of today"], HOUR)
    receive(wired, log, ["of last month"], 30 * DAY)
    labels = store.unmatched_labels("fraud", NOW)
    assert (labels.labels, labels.unmatched) == (7, 3)
    assert set(labels.examples) == {" t-1 ", "T-2", "nothing"}
    assert store.similar_ids("fraud", labels.examples) == {" t-1 ": "t-1", "T-2": "t-2"}


def test_a_label_of_an_old_prediction_is_matched(wired: Context, store: QualityStore) -> None:
    log = Log(wired)
    names = log.ship(2, NOW - 100 * DAY)
    receive(wired, log, names, 2 * DAY)
    labels = store.unmatched_labels("fraud", NOW)
    assert (labels.labels, labels.unmatched) == (2, 0)


def test_a_corrected_label_counts_once(wired: Context, store: QualityStore) -> None:
    log = Log(wired)
    log.label(["a"], 0)
    receive(wired, log, ["a"], 2 * DAY)
    labels = store.unmatched_labels("fraud", NOW)
    assert (labels.labels, labels.unmatched, labels.examples) == (1, 1, ("a",))


def test_without_labels_nothing_is_counted(store: QualityStore) -> None:
    labels = store.unmatched_labels("fraud", NOW)
    assert (labels.labels, labels.unmatched, labels.examples) == (0, 0, ())


def test_repeated_ids_are_counted_among_new_predictions(
    wired: Context, store: QualityStore
) -> None:
    log = Log(wired)
    names = log.ship(10, NOW - 3 * HOUR)
    log.ship(4, NOW - HOUR, names=names[:4])
    log.ship(1, NOW - 3 * DAY, names=["old"])
    log.ship(1, NOW - HOUR, names=["old"])  # the first one is not in the window
    store.add_repeated("fraud", "0", END, since=NOW - DAY, until=NOW)
    counts = store.read("fraud", NOW - DAY, NOW + HOUR, as_of=NOW).treated
    assert counts == {(IDS, COMPARED): 15, (IDS, REPEATED): 4}
    earlier = store.read("fraud", NOW - 4 * HOUR, NOW - 2 * HOUR, as_of=NOW).treated
    assert earlier == {(IDS, COMPARED): 10, (IDS, REPEATED): 0}, (
        "each in the hour of its prediction"
    )


@pytest.mark.parametrize("pages", [1.0, 0.5])
def test_repeated_ids_at_the_end_of_a_large_roll_up_are_found(
    wired: Context, store: QualityStore, pages: float
) -> None:
    log = Log(wired)
    names = log.ship(1_000, NOW - 5 * HOUR)
    begin = watermark(wired)
    log.ship(9_000, NOW - 3 * HOUR)
    log.ship(1_000, NOW - HOUR, names=names)
    store.add_repeated("fraud", begin, END, since=NOW - DAY, until=NOW, pages=pages)
    counts = store.read("fraud", NOW - DAY, NOW + HOUR, as_of=NOW).treated
    assert counts[IDS, COMPARED] == MOST_REPEATED
    # 10 % of the new predictions; the limits are five standard errors away.
    assert 0.053 < counts[IDS, REPEATED] / MOST_REPEATED < 0.147


def test_one_id_for_every_prediction_is_found(wired: Context, store: QualityStore) -> None:
    log = Log(wired)
    log.ship(3_000, NOW - HOUR, names=["unknown"] * 3_000)
    store.add_repeated("fraud", "0", END, since=NOW - DAY, until=NOW)
    counts = store.read("fraud", NOW - DAY, NOW + HOUR, as_of=NOW).treated
    assert counts[IDS, COMPARED] == MOST_REPEATED
    assert counts[IDS, REPEATED] >= MOST_REPEATED - 1, "all but the first"


def test_a_sample_of_new_predictions_is_the_same_again(wired: Context, store: QualityStore) -> None:
    log = Log(wired)
    names = log.ship(1_500, NOW - 3 * HOUR)
    log.ship(500, NOW - HOUR, names=names[:500])
    store.add_repeated("fraud", "0", END, since=NOW - DAY, until=NOW)
    once = store.read("fraud", NOW - DAY, NOW + HOUR, as_of=NOW).treated
    store.add_repeated("fraud", "0", END, since=NOW - DAY, until=NOW)
    twice = store.read("fraud", NOW - DAY, NOW + HOUR, as_of=NOW).treated
    assert twice == {key: 2 * n for key, n in once.items()}


def test_counts_of_an_hour_add_up_and_leave_the_window(wired: Context, store: QualityStore) -> None:
    store.add("fraud", NOW, {("amount", "refused"): 3, ("kind", "refused"): 1})
    store.add("fraud", NOW, {("amount", "refused"): 4})
    store.add("other", NOW, {("amount", "refused"): 100})
    store.add("fraud", NOW - 2 * DAY, {("amount", "refused"): 100})
    counts = store.read("fraud", NOW - DAY, NOW + HOUR, as_of=NOW).treated
    assert counts == {("amount", "refused"): 7, ("kind", "refused"): 1}


def test_event_times_in_the_future_are_counted(wired: Context, store: QualityStore) -> None:
    log = Log(wired)
    log.ship(3, NOW - HOUR)
    wired.connection.execute(
        "UPDATE prediction_logs SET event_time = '2099-01-01' WHERE transaction_id <> 't-0'"
    )
    assert store.read("fraud", NOW - DAY, NOW + HOUR, as_of=NOW).future_times == 2
    assert store.read("fraud", NOW - 3 * DAY, NOW - DAY, as_of=NOW).future_times == 0
    assert store.future_times("fraud", NOW) == 2


def test_no_plan_reads_the_whole_log(wired: Context) -> None:
    log = Log(wired)
    for part in range(5):
        log.ship(200, NOW - part * DAY)
    wired.connection.execute("ANALYZE prediction_logs")
    query = """
        EXPLAIN SELECT count(r.found) FROM unnest(ARRAY['a', 'b']) AS l (id) LEFT JOIN LATERAL (
            SELECT true AS found FROM prediction_logs AS p
            WHERE p.use_case = 'fraud' AND p.transaction_id = l.id LIMIT 1) AS r ON true"""
    rows = wired.connection.execute(query).fetchall()
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "Hash" not in plan
    assert "Nested Loop" in plan
