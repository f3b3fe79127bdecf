"""Frames are selected, split, joined and reported."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa

from pipelines.rules.data.frame import Frame, concatenate
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

CONTRACT = read_contract(ROOT / "reference" / "fraud")


def frame(*seconds: int) -> Frame:
    """Rows at these seconds, named by them."""
    n = len(seconds)
    return Frame(
        event_times=np.array(seconds, "datetime64[s]").astype("datetime64[us]"),
        transaction_ids=pa.array(map(str, seconds), pa.string()),
        features=np.full((n, len(CONTRACT.columns)), np.nan, order="F"),
        labels=np.zeros(n, np.int8),
        scores=np.full(n, np.nan),
        thresholds=np.full(n, np.nan),
        versions=np.zeros(n, np.int64),
    )


def names(rows: Frame) -> list[str]:
    return [str(name) for name in rows.transaction_ids.to_pylist()]


def test_joined_rows_are_in_order_of_time_whatever_came_first() -> None:
    assert names(concatenate([frame(5, 6), frame(), frame(1, 7)])) == ["1", "5", "6", "7"]
    assert len(concatenate([frame(), frame()])) == 0


def test_a_moment_belongs_to_the_rows_after_it() -> None:
    before, after = frame(1, 2, 3).split(np.datetime64("1970-01-01T00:00:02", "us"))
    assert (names(before), names(after)) == (["1"], ["2", "3"])


def test_a_transaction_that_was_logged_and_ingested_is_there_once() -> None:
    history = frame(1, 2, 3)
    assert names(history.without(frame(2, 9).transaction_ids)) == ["1", "3"]
    assert history.without(frame().transaction_ids) is history


def test_what_was_written_is_read_back() -> None:
    rows = frame(1, 2)
    again = Frame.of(rows.table(CONTRACT), CONTRACT)
    for name in Frame.__dataclass_fields__:
        np.testing.assert_array_equal(
            np.asarray(getattr(again, name)), np.asarray(getattr(rows, name))
        )


def test_samples_can_be_written_as_json() -> None:
    (row,) = frame(1, 2).samples((1,), ("amount", "unheard of"), CONTRACT)
    assert (row["transaction_id"], row["amount"]) == ("2", None)
    json.dumps(row, default=str, allow_nan=False)


def test_the_period_is_the_span_of_event_times() -> None:
    assert frame(5, 65).period.endswith(" UTC")
    assert frame(0, 0).period == "without event times"


def keyed(keys: list[str | None], *seconds: int) -> Frame:
    return replace(frame(*seconds), entity_keys=pa.array(keys, pa.string()))


def test_entity_keys_follow_their_rows_and_are_unknown_where_a_frame_has_none() -> None:
    rows = concatenate([keyed(["a", None, "b"], 5, 6, 9), frame(7), keyed(["a"], 1)])
    assert rows.entity_keys.to_pylist() == ["a", "a", None, None, "b"]
    codes = rows.entities
    assert codes is not None
    assert codes.tolist() == [0, 0, -1, -1, 1]
    assert rows.take(codes == 1).entity_keys.to_pylist() == ["b"]
    assert frame(1, 2).entities is None


def test_entity_keys_are_stored_where_one_is_known_and_older_files_have_none() -> None:
    table = keyed(["a", None], 1, 2).table(CONTRACT)
    assert Frame.of(table, CONTRACT).entity_keys.to_pylist() == ["a", None]
    older = table.drop_columns(["entity_key"])
    assert Frame.of(older, CONTRACT).entity_keys.to_pylist() == [None, None]
    unknown = frame(1, 2).table(CONTRACT)
    assert unknown.column_names == older.column_names, "a file without keys is as it was before"


def test_days_are_those_of_utc() -> None:
    day = 24 * 3600
    assert frame(-1, 0, day - 1, day).days.tolist() == [-1, 0, 0, 1]
