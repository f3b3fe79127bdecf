"""The journal keeps complete predictions, however its process ends."""

from __future__ import annotations

import math
import os
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import JournalFull, SixgateError
from serving.journal.journal import Journal, read
from serving.journal.prediction_ids import uuid7
from tests.unit.serving import made
from tests.unit.serving.journal.lines import NOW, encoded, line, numbered


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path, "one")


def ids(journal: Journal) -> list[str]:
    """The transaction ids that a journal holds."""
    return [prediction.transaction_id for prediction in made.journaled(journal)]


def test_predictions_come_back_in_order_and_missing_features_as_nan(journal):
    journal.append(line(1, 2))
    journal.append(line(3))
    predictions = made.journaled(journal)
    transaction_ids = [prediction.transaction_id for prediction in predictions]
    assert transaction_ids == ["t-1", "t-2", "t-3"]
    first = predictions[0]
    assert first.features[0] == 1.0
    assert math.isnan(first.features[1])
    assert first.event_time == NOW
    assert first.prediction_id.version == 7


def test_a_segment_is_closed_by_size(tmp_path):
    journal = Journal(tmp_path, "one", segment_bytes=1000)
    for number in range(10):
        journal.append(line(number))
    journal.sync()
    segments = journal.closed()
    assert len(segments) > 1
    for segment in segments:
        assert segment.stat().st_size <= 1000
    assert ids(journal) == numbered(10)


def test_rotating_an_empty_journal_leaves_no_segment(journal):
    journal.rotate()
    assert journal.closed() == []


def test_a_full_journal_refuses_lines_until_a_segment_is_deleted(tmp_path):
    size = len(msgspec.json.encode(line(1))) + 1
    journal = Journal(tmp_path, "one", bound_bytes=2 * size)
    journal.append(line(1))
    journal.append(line(2))
    assert not journal.full
    with pytest.raises(JournalFull, match=f"{2 * size} bytes"):
        journal.append(line(3))
    assert journal.full
    assert ids(journal) == ["t-1", "t-2"]
    (segment,) = journal.closed()
    journal.delete(segment)
    assert journal.size == 0
    assert not journal.full
    journal.append(line(4))
    assert ids(journal) == ["t-4"]


def test_an_append_that_the_disk_cuts_short_leaves_no_trace(journal, monkeypatch):
    write = os.write

    def write_10_bytes(file, data):
        return write(file, data[:10])

    journal.append(line(1))
    with monkeypatch.context() as full_disk:
        full_disk.setattr(os, "write", write_10_bytes)
        with pytest.raises(JournalFull, match="full"):
            journal.append(line(2))
    journal.append(line(3))
    assert ids(journal) == ["t-1", "t-3"]


def _die_with(folder: Path, tail: bytes) -> None:
    journal = Journal(folder, "dead")
    journal.append(line(1, 2))
    journal.rotate()
    journal.append(line(3))
    (open_segment,) = (folder / "dead").glob("*.open")
    with open_segment.open("ab") as file:
        file.write(tail)
    os._exit(9)


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(b"", id="no incomplete line"),
        pytest.param(b'{"prediction_id":"01', id="half a line"),
        pytest.param(msgspec.json.encode(line(4)), id="a line that lacks only its end"),
    ],
)
@pytest.mark.parametrize(
    "heir", [pytest.param("dead", id="same name"), pytest.param("other", id="another replica")]
)
def test_lines_of_a_dead_replica_are_adopted_without_an_incomplete_one(tmp_path, tail, heir):
    child = os.fork()
    if child == 0:
        _die_with(tmp_path, tail)
    os.waitpid(child, 0)
    journal = Journal(tmp_path, heir)
    assert ids(journal) == ["t-1", "t-2", "t-3"]
    folders = [path.name for path in tmp_path.iterdir() if path.is_dir()]
    assert folders == [heir]
    journal.append(line(5))
    assert ids(journal) == ["t-1", "t-2", "t-3", "t-5"]


def test_the_folder_of_a_running_replica_is_left_alone(tmp_path):
    running = Journal(tmp_path, "running")
    running.append(line(1))
    other = Journal(tmp_path, "other")
    assert ids(other) == []
    assert ids(running) == ["t-1"]
    with pytest.raises(SixgateError, match="running replica"):
        Journal(tmp_path, "running")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_prediction_that_is_not_shipped_is_found(journal, number):
    lines = [line(1, 2), line(3)]
    journal.append(lines[0])
    journal.rotate()
    journal.append(lines[1])
    rows = [*lines[0].rows, *lines[1].rows]
    prediction_id = UUID(rows[number - 1].prediction_id)
    prediction = journal.find("fraud", prediction_id)
    assert prediction
    assert prediction.transaction_id == f"t-{number}"
    assert journal.find("credit_risk", prediction_id) is None


def test_a_prediction_that_is_not_in_the_journal_is_not_found(journal):
    journal.append(line(1))
    unknown = UUID(uuid7(3)[0])
    assert journal.find("fraud", unknown) is None


def test_closing_an_empty_journal_removes_its_folder(journal, tmp_path):
    journal.close()
    assert not (tmp_path / "one").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), data=st.data())
def test_wherever_a_power_failure_cuts_the_segment_exactly_the_complete_lines_stay(
    tmp_path_factory, sizes, data
):
    folder = tmp_path_factory.mktemp("cut")
    journal = Journal(folder, "one")
    lines = encoded(sizes)
    for content in lines:
        journal.append(read(content))
    (segment,) = (folder / "one").glob("*.open")
    cut = data.draw(st.integers(0, sum(map(len, lines))))
    with segment.open("rb+") as file:
        file.truncate(cut)
    end = 0
    complete_rows = 0
    for size, content in zip(sizes, lines, strict=True):
        end += len(content)
        if end <= cut:
            complete_rows += size
    assert ids(journal) == numbered(complete_rows)
    assert journal.lag() > 0
    journal.close()
