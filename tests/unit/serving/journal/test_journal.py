"""The journal keeps whole answers, whatever ends the process."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import JournalFull, SixgateError
from serving.background.shipper import halves
from serving.journal.journal import Journal, JournalLine, JournalRow, read
from serving.journal.prediction_ids import uuid7
from tests.unit.serving import made

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def line(*numbers: int) -> JournalLine:
    rows = [
        JournalRow(uuid7(number)[0], f"t-{number}", [1.0, math.nan], 0.5, 1) for number in numbers
    ]
    return JournalLine(NOW, "fraud", 1, "hash", 0.5, "replica", rows)


def kept(journal: Journal) -> list[str]:
    return [prediction.transaction_id for prediction in made.journaled(journal)]


def test_predictions_come_back_in_order_and_missing_features_as_nan(tmp_path):
    journal = Journal(tmp_path, "one")
    journal.append(line(1, 2))
    journal.append(line(3))
    found = made.journaled(journal)
    assert [one.transaction_id for one in found] == ["t-1", "t-2", "t-3"]
    assert found[0].features[0] == 1.0 and math.isnan(found[0].features[1])
    assert (found[0].event_time, found[0].prediction_id.version) == (NOW, 7)


def test_a_segment_is_closed_by_size(tmp_path):
    journal = Journal(tmp_path, "one", segment_bytes=1000)
    for number in range(10):
        journal.append(line(number))
    journal.sync()
    assert len(journal.closed()) > 1
    assert all(segment.stat().st_size <= 1000 for segment in journal.closed())
    assert kept(journal) == [f"t-{number}" for number in range(10)]


def test_rotating_an_empty_journal_leaves_no_segment(tmp_path):
    journal = Journal(tmp_path, "one")
    journal.rotate()
    assert journal.closed() == []


def test_a_full_journal_takes_nothing_until_a_segment_is_deleted(tmp_path):
    size = len(msgspec.json.encode(line(1))) + 1
    journal = Journal(tmp_path, "one", bound_bytes=2 * size)
    journal.append(line(1))
    journal.append(line(2))
    assert not journal.full
    with pytest.raises(JournalFull, match=f"{2 * size} bytes"):
        journal.append(line(3))
    assert journal.full
    assert kept(journal) == ["t-1", "t-2"]
    journal.delete(journal.closed()[0])
    assert (journal.size, journal.full) == (0, False)
    journal.append(line(4))
    assert kept(journal) == ["t-4"]


def test_an_append_that_the_disk_cuts_short_leaves_no_trace(tmp_path, monkeypatch):
    journal = Journal(tmp_path, "one")
    journal.append(line(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(JournalFull, match="full"):
        journal.append(line(2))
    monkeypatch.undo()
    journal.append(line(3))
    assert kept(journal) == ["t-1", "t-3"]


def _die_with(folder: Path, tail: bytes) -> None:
    journal = Journal(folder, "dead")
    journal.append(line(1, 2))
    journal.rotate()
    journal.append(line(3))
    open_segment = next((folder / "dead").glob("*.open"))
    with open_segment.open("ab") as file:
        file.write(tail)
    os._exit(9)


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(b"", id="nothing torn"),
        pytest.param(b'{"prediction_id":"01', id="half a line"),
        pytest.param(msgspec.json.encode(line(4)), id="a line that lacks only its end"),
    ],
)
@pytest.mark.parametrize(
    "heir", [pytest.param("dead", id="same name"), pytest.param("other", id="another replica")]
)
def test_what_a_dead_replica_answered_is_adopted_without_the_torn_line(tmp_path, tail, heir):
    if (child := os.fork()) == 0:
        _die_with(tmp_path, tail)
    os.waitpid(child, 0)
    journal = Journal(tmp_path, heir)
    assert kept(journal) == ["t-1", "t-2", "t-3"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [heir]
    journal.append(line(5))
    assert kept(journal)[-1] == "t-5"


def test_the_folder_of_a_living_replica_is_left_alone(tmp_path):
    living = Journal(tmp_path, "living")
    living.append(line(1))
    other = Journal(tmp_path, "other")
    assert kept(other) == []
    assert kept(living) == ["t-1"]
    with pytest.raises(SixgateError, match="running replica"):
        Journal(tmp_path, "living")


def test_an_answer_that_is_not_shipped_yet_is_found(tmp_path):
    journal = Journal(tmp_path, "one")
    first, second = line(1, 2), line(3)
    journal.append(first)
    journal.rotate()
    journal.append(second)
    for wanted in (*first.rows, *second.rows):
        found = journal.find("fraud", UUID(wanted.prediction_id))
        assert found and found.transaction_id == wanted.transaction_id
    assert journal.find("credit_risk", UUID(first.rows[0].prediction_id)) is None
    assert journal.find("fraud", UUID(uuid7(3)[0])) is None


def test_closing_an_empty_journal_removes_its_folder(tmp_path):
    Journal(tmp_path, "one").close()
    assert not (tmp_path / "one").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), data=st.data())
def test_wherever_a_power_cut_tears_the_segment_whole_lines_stay_and_nothing_else(
    tmp_path_factory, sizes, data
):
    folder = tmp_path_factory.mktemp("torn")
    journal = Journal(folder, "one")
    ends, numbers, segment = [0], iter(range(100)), None
    for size in sizes:
        journal.append(line(*(next(numbers) for _ in range(size))))
        segment = next((folder / "one").glob("*.open"))
        ends.append(segment.stat().st_size)
    at = data.draw(st.integers(0, ends[-1]))
    with segment.open("rb+") as file:
        file.truncate(at)
    whole = sum(sizes[: sum(end <= at for end in ends) - 1])
    assert kept(journal) == [f"t-{number}" for number in range(whole)]
    assert journal.lag() > 0
    journal.close()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_halving_ends_with_single_rows_and_loses_none(sizes):
    numbers = iter(range(100))
    lines = b"".join(
        msgspec.json.encode(line(*(next(numbers) for _ in range(size)))) + b"\n" for size in sizes
    )

    def single(lines):
        parts = halves(lines)
        return [found for part in parts for found in single(part)] if parts else [read(lines)]

    found = single(lines)
    assert all(len(one.rows) == 1 for one in found)
    assert [one.rows[0].transaction_id for one in found] == [
        f"t-{number}" for number in range(sum(sizes))
    ]
