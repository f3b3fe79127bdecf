"""The rows that a run trains and evaluates on, from a real log and from snapshots."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa

from pipelines.context import Context
from pipelines.records import Label
from pipelines.rules.data.frame import Frame
from pipelines.rules.ingestion.row_checks import snapshot_schema
from pipelines.stores import dataset
from pipelines.stores.labels import LabelStore
from tests.integration import logged
from tests.integration.logged import CONTRACT, Log

DAY = timedelta(days=1)
NOW = logged.NOW.replace(microsecond=0)  # a prediction id holds milliseconds
LATER = datetime.now(UTC) + DAY


def read(wired: Context, *, as_of: datetime = LATER) -> Frame:
    return dataset.logged(
        wired.settings, wired.converter, since=NOW - DAY, matured_before=NOW + DAY, as_of=as_of
    )


def snapshot(log: Log, names: list[str], **changes: float) -> pa.Table:
    """The logged rows of these transactions as a file had them, with some features changed."""
    places = [log.names.index(name) for name in names]
    columns: dict[str, object] = {
        "transaction_id": names,
        "event_time": [log.at[place] for place in places],
        "entity_key": [None] * len(names),
        "label": [0] * len(names),
    }
    for place, name in enumerate(CONTRACT.raw):
        values = [log.features[row][place] for row in places]
        columns[name] = [changes.get(name, value) for value in values]
    schema = snapshot_schema(CONTRACT)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def test_logged_rows_come_in_order_of_time_with_what_was_answered(wired: Context) -> None:
    log = Log(wired)
    log.ship(5, NOW, version=2)
    log.ship(3, NOW - timedelta(hours=3))
    rows = read(wired)
    order = np.argsort(np.array(log.at), kind="stable")
    assert rows.transaction_ids.to_pylist()[:3] == [log.names[place] for place in order[:3]]
    assert rows.versions.tolist() == [1, 1, 1, 2, 2, 2, 2, 2]
    by_name = dict(zip(rows.transaction_ids.to_pylist(), rows.scores.tolist(), strict=True))
    assert by_name == dict(zip(log.names, log.scores, strict=True))
    assert set(rows.thresholds.tolist()) == {0.5}
    assert set(rows.labels.tolist()) == {-1}, "none is labelled"


def test_a_label_counts_by_its_newest_value_that_was_received_in_time(wired: Context) -> None:
    log = Log(wired)
    (name,) = log.ship(1, NOW)
    log.label([name], 0)
    between = wired.connection.execute("SELECT clock_timestamp() AS now").fetchone()
    assert between is not None
    changed = Label(transaction_id=name, label=1, labelled_at=NOW)
    LabelStore(wired.connection).record("fraud", [changed], source="a correction")
    assert read(wired).labels.tolist() == [1]
    assert read(wired, as_of=between["now"]).labels.tolist() == [0]


def test_a_snapshot_row_far_in_the_future_does_not_hide_the_common_rows(wired: Context) -> None:
    log = Log(wired)
    names = log.ship(4, NOW - DAY)
    table = snapshot(log, names)
    times = [*table["event_time"].to_pylist()[:3], datetime(2099, 1, 1, tzinfo=UTC)]
    position = table.schema.get_field_index("event_time")
    column = pa.array(times, table.schema.field(position).type)
    rows = dataset.historical(table.set_column(position, "event_time", column), CONTRACT)
    common = dataset.also_logged(
        wired.settings, wired.converter, rows, as_of=LATER, window=30 * DAY
    )
    assert len(common.positions) == 3
    assert [rows.transaction_ids[place].as_py() for place in common.positions] == names[:3]


def test_a_transaction_that_is_predicted_twice_is_one_row_with_its_first_prediction(
    wired: Context,
) -> None:
    log = Log(wired)
    names = log.ship(3, NOW - timedelta(hours=20), version=1)
    log.ship(3, NOW, names=names, version=2)  # another time of event, in another part of the read
    log.label(names, 1)
    rows = read(wired)
    assert sorted(rows.transaction_ids.to_pylist()) == sorted(names)
    assert rows.versions.tolist() == [1, 1, 1]
    assert rows.labels.tolist() == [1, 1, 1]


def test_rows_of_an_unknown_contract_or_another_window_are_left_out(wired: Context) -> None:
    log = Log(wired)
    kept = log.ship(2, NOW)
    log.ship(3, NOW, contract="another", width=2)
    log.ship(4, NOW - 2 * DAY)
    assert sorted(read(wired).transaction_ids.to_pylist()) == sorted(kept)
    assert wired.converter.unreadable == {"another": 3}


def test_rows_of_an_earlier_contract_are_converted_by_name(wired: Context) -> None:
    former = msgspec.structs.replace(CONTRACT, features=CONTRACT.features[:0:-1], derived=())
    wired.models.record_contract(former)
    log = Log(wired)
    log.ship(2, NOW)
    log.ship(3, NOW, contract=former.hash, width=len(former.columns), version=7)
    rows = read(wired)
    converted = rows.features[rows.versions == 7]
    assert len(rows) == 5
    assert np.isnan(converted[:, 0]).all(), "the feature did not exist"
    by_name = dict(zip(log.names, log.shipped, strict=True))
    for name, features in zip(rows.transaction_ids.to_pylist()[2:], converted, strict=True):
        np.testing.assert_array_equal(features[1 : len(CONTRACT.raw)], by_name[name][::-1])
    assert wired.converter.earlier == [former]
    assert CONTRACT.raw[0] in wired.converter.absent


def test_missing_features_are_nan_again(wired: Context) -> None:
    log = Log(wired)
    log.ship(50, NOW)
    rows = read(wired)
    by_name = dict(zip(log.names, log.features, strict=True))
    for name, features in zip(rows.transaction_ids.to_pylist(), rows.features, strict=True):
        np.testing.assert_array_equal(features, by_name[name])
    assert np.isnan(rows.features).any()


def test_a_snapshot_is_put_in_order_of_time_and_has_no_scores(wired: Context) -> None:
    log = Log(wired)
    log.ship(2, NOW)
    log.ship(2, NOW - timedelta(hours=1))
    rows = dataset.historical(snapshot(log, log.names), CONTRACT)
    assert (rows.event_times[1:] >= rows.event_times[:-1]).all()
    assert rows.transaction_ids.to_pylist()[0] in log.names[2:]
    assert np.isnan(rows.scores).all()
    assert rows.versions.tolist() == [0] * 4
    assert rows.features.shape == (4, len(CONTRACT.columns))


def test_a_snapshot_of_a_former_contract_is_converted(wired: Context) -> None:
    log = Log(wired)
    table = snapshot(log, log.ship(2, NOW))
    former = table.drop_columns([CONTRACT.raw[0]])
    rows = dataset.historical(former, CONTRACT)
    assert np.isnan(rows.features[:, 0]).all()
    width = len(CONTRACT.raw)
    same = dataset.historical(table, CONTRACT).features[:, 1:width]
    np.testing.assert_array_equal(rows.features[:, 1:width], same)


def test_a_feature_that_the_log_did_not_have_is_not_compared_with_a_file(wired: Context) -> None:
    former = msgspec.structs.replace(CONTRACT, features=CONTRACT.features[1:], derived=())
    wired.models.record_contract(former)
    log = Log(wired)
    names = log.ship(3, NOW, contract=former.hash, width=len(former.columns))
    log.features = [np.ones(len(CONTRACT.columns)) for _ in names]
    wired.artifacts.save("snapshots", snapshot(log, names))
    common = dataset.also_ingested(wired.artifacts, wired.converter, read(wired))
    assert len(common.positions) == 3
    assert np.isnan(common.ingested[:, 0]).all()
    assert (common.ingested[:, 1:] == 1).all()


def test_rows_of_a_snapshot_that_were_logged_too_are_paired_by_transaction(wired: Context) -> None:
    log = Log(wired)
    both = log.ship(3, NOW)
    table = snapshot(log, both, **{CONTRACT.raw[0]: 7.0})
    rows = dataset.historical(table, CONTRACT)
    common = dataset.also_logged(wired.settings, wired.converter, rows, as_of=LATER, window=DAY)
    assert sorted(common.positions.tolist()) == [0, 1, 2]
    assert common.ingested[:, 0].tolist() == [7.0] * 3
    first = log.features[log.names.index(rows.transaction_ids[int(common.positions[0])].as_py())]
    np.testing.assert_array_equal(common.logged[0], first[: len(CONTRACT.raw)])


def test_of_two_snapshots_of_a_row_the_newest_counts_and_a_damaged_one_is_passed_over(
    wired: Context,
) -> None:
    log = Log(wired)
    log.ship(4, NOW)
    older = wired.artifacts.save("snapshots", snapshot(log, log.names[:3], **{CONTRACT.raw[0]: 1}))
    newer = wired.artifacts.save("snapshots", snapshot(log, log.names[:1], **{CONTRACT.raw[0]: 2}))
    wired.artifacts.path("snapshots", "damaged").write_bytes(b"PAR1 and no more")
    assert set(wired.artifacts.ids("snapshots")) == {older, newer, "damaged"}
    rows = read(wired)
    common = dataset.also_ingested(wired.artifacts, wired.converter, rows)
    names = rows.transaction_ids.take(pa.array(common.positions)).to_pylist()
    values = dict(zip(names, common.ingested[:, 0].tolist(), strict=True))
    assert values == {log.names[0]: 2.0, log.names[1]: 1.0, log.names[2]: 1.0}


def test_without_rows_nothing_is_common(wired: Context) -> None:
    common = dataset.also_ingested(wired.artifacts, wired.converter, read(wired))
    assert len(common.positions) == 0
    assert common.logged.shape == common.ingested.shape == (0, len(CONTRACT.raw))


def test_entity_keys_are_read_from_the_log_and_from_snapshots_that_have_them(
    wired: Context,
) -> None:
    log = Log(wired)
    with_key = log.ship(2, NOW, entity="card-7")
    without = log.ship(1, NOW)
    rows = read(wired)
    keys = dict(zip(rows.transaction_ids.to_pylist(), rows.entity_keys.to_pylist(), strict=True))
    assert keys == dict.fromkeys(with_key, "card-7") | dict.fromkeys(without)
    table = snapshot(log, with_key).set_column(0, "transaction_id", pa.array(["x", "y"]))
    position = table.schema.get_field_index("entity_key")
    keyed = table.set_column(position, "entity_key", pa.array(["a", None], pa.string()))
    assert dataset.historical(keyed, CONTRACT).entity_keys.to_pylist() == ["a", None]
    older = table.drop_columns(["entity_key"])
    assert dataset.historical(older, CONTRACT).entities is None
