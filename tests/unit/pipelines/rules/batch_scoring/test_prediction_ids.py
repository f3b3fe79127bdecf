"""Ids of a job's predictions: UUIDs of version 7 that a repeated job gives again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.batch_scoring.prediction_ids import MOST_ROWS, prediction_ids, to_milliseconds
from pipelines.stores.predictions import time_of

MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
).map(lambda moment: to_milliseconds(moment.replace(tzinfo=UTC)))
ROWS = st.lists(st.integers(0, MOST_ROWS - 1), min_size=1, max_size=20, unique=True)


@given(st.uuids(), MOMENTS, ROWS)
def test_an_id_is_a_version_7_uuid_that_holds_the_time(
    job: UUID, moment: datetime, rows: list[int]
) -> None:
    texts = prediction_ids(job, moment, np.array(rows)).astype(str).tolist()
    ids = [UUID(text) for text in texts]
    assert [str(id_) for id_ in ids] == texts
    assert {id_.version for id_ in ids} == {7}
    assert {id_.variant for id_ in ids} == {"specified in RFC 4122"}
    assert {time_of(id_) for id_ in ids} == {moment}
    assert len(set(ids)) == len(rows)


@given(st.uuids(), MOMENTS, ROWS)
def test_a_repeated_job_gives_the_same_ids_in_any_split(
    job: UUID, moment: datetime, rows: list[int]
) -> None:
    together = prediction_ids(job, moment, np.array(rows)).tolist()
    apart = [prediction_ids(job, moment, np.array([row])).tolist()[0] for row in rows]
    assert together == apart


def test_two_jobs_of_the_same_millisecond_have_different_ids() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    rows = np.arange(3)
    one, other = (set(prediction_ids(uuid4(), moment, rows).tolist()) for _ in range(2))
    assert one.isdisjoint(other)


def test_a_time_is_rounded_down_to_milliseconds() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert to_milliseconds(moment + timedelta(microseconds=2999)) == moment + timedelta(
        milliseconds=2
    )
